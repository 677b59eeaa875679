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
    cluster: Annotated[str, typer.Option(help="local, or compose (containers).")] = "local",
    broker: Annotated[
        list[str] | None,
        typer.Option(help="A version, a path or an image; all of this machine if none."),
    ] = None,
    alternative: Annotated[
        list[str] | None, typer.Option(help="One of the contract's, played beside its own design.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same on every broker.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Where run folders go.")] = None,
    variables: arguments.Variables = None,
) -> None:
    """Play a suite on several versions of the broker, and say what differs and why."""
    from scenarios.matrix.command import matrix as compare  # noqa: PLC0415

    one_of("--suite", suite, ("smoke", "full"))
    one_of("--cluster", cluster, ("local", "compose"))
    options = Options(
        system=system,
        suite=suite,  # type: ignore[arg-type]  # Checked above.
        cluster=cluster,  # type: ignore[arg-type]
        seed=seed,
        out=out,
        variables=tuple(variables or ()),
    )
    raise typer.Exit(compare(options, broker or (), alternative or ()))


@comparing_commands.command()
def upgrade(
    system: arguments.System = "sparki",
    old: Annotated[
        str | None, typer.Option("--from", help="A version or a path; the installed one if none.")
    ] = None,
    new: Annotated[str | None, typer.Option("--to", help="A version or a path.")] = None,
    how: Annotated[
        str, typer.Option(help="drain, shovel, rolling; or unread, a mistake on purpose.")
    ] = "drain",
    alternative: Annotated[
        str | None, typer.Option(help="The design on the new broker; none: as it is.")
    ] = None,
    nodes: Annotated[int, typer.Option(help="Nodes of each cluster: 1 or 3.")] = 1,
    seed: Annotated[int, typer.Option(help="Decides arrivals, priorities and fates.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Where run folders go.")] = None,
    variables: arguments.Variables = None,
) -> None:
    """Rehearse the move to another version of the broker under load, and decide."""
    from scenarios.upgrade.command import upgrade_and_judge  # noqa: PLC0415
    from scenarios.upgrade.options import Asked  # noqa: PLC0415

    asked = Asked(
        system, old, new, how, alternative, nodes, seed, out, tuple(variables or ())
    )  # fmt: skip
    raise typer.Exit(upgrade_and_judge(asked))


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
