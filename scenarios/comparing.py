"""The commands that set runs side by side: versions of the broker, and nights."""

from pathlib import Path
from typing import Annotated

import typer

from scenarios import arguments
from scenarios.options import Options, one_of

comparing_commands = typer.Typer()


@comparing_commands.command()
def matrix(
    system: arguments.System = "sparki",
    suite: Annotated[str, typer.Option(help="smoke or full.")] = "smoke",
    broker: Annotated[
        list[str] | None, typer.Option(help="A version or a path; all of this machine if none.")
    ] = None,
    alternative: Annotated[str | None, typer.Option(help="One of the contract's.")] = None,
    seed: Annotated[int, typer.Option(help="The same on every broker.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Where run folders go.")] = None,
    variables: arguments.Variables = None,
) -> None:
    """Play a suite on several versions of the broker, and say what differs and why."""
    from scenarios.matrix.command import matrix as compare  # noqa: PLC0415

    one_of("--suite", suite, ("smoke", "full"))
    options = Options(
        system=system,
        suite=suite,  # type: ignore[arg-type]  # Checked above.
        alternative=alternative,
        seed=seed,
        out=out,
        variables=tuple(variables or ()),
    )
    raise typer.Exit(compare(options, broker or ()))


@comparing_commands.command()
def trend(
    runs: Annotated[list[Path] | None, typer.Argument(help="Run folders to add.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="The nights' file; else reports/runs/nights.jsonl.")
    ] = None,
) -> None:
    """Keep many nights' verdicts, draw them, and name what broke after a streak; 1 if any did."""
    from scenarios.nights import trend as look  # noqa: PLC0415

    raise typer.Exit(1 if look(runs or (), file) else 0)
