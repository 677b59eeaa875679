"""The commands about contracts: from definitions and to them, their schema, their network."""

from pathlib import Path
from typing import Annotated

import typer

from scenarios import arguments

contract_commands = typer.Typer()


@contract_commands.command("import")
def import_(
    definitions: Annotated[Path, typer.Argument(help="A broker's exported definitions.json.")],
    vhost: arguments.Vhost = None,
    output: arguments.Output = None,
) -> None:
    """Begin a contract from what a broker exports."""
    from scenarios.importing import import_definitions  # noqa: PLC0415

    import_definitions(definitions, vhost, output)


@contract_commands.command()
def definitions(
    system: arguments.System,
    broker: arguments.Broker = None,
    vhost: arguments.Vhost = None,
    output: arguments.Output = None,
    with_user: Annotated[str | None, typer.Option(help="An administrator to make.")] = None,
    variables: arguments.Variables = None,
) -> None:
    """Write the definitions.json that a node boots with to have a contract's topology."""
    from scenarios.defining import write_definitions  # noqa: PLC0415

    write_definitions(system, variables or [], broker, vhost or "/", output, with_user)


@contract_commands.command()
def schema() -> None:
    """Say where the JSON Schema of contracts is, for editors."""
    from scenarios.defining import show_schema  # noqa: PLC0415

    show_schema()


@contract_commands.command()
def isolation(
    system: arguments.System = "sparki",
    broker: arguments.Broker = None,
    rules: Annotated[
        Path | None, typer.Option(help="Rules of nftables to try in place of the contract's own.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="A Kubernetes NetworkPolicy to try in their place.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where run folders go.")] = None,
    variables: arguments.Variables = None,
) -> None:
    """Try from network zones who reaches the broker's ports, and decide."""
    from scenarios.zoning import Asked, isolate_and_judge  # noqa: PLC0415

    asked = Asked(system, broker, rules, policy, out, tuple(variables or ()))
    raise typer.Exit(isolate_and_judge(asked))
