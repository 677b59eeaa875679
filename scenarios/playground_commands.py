"""The commands of a cluster to play with: start it, stop it, look at it."""

import typer

from scenarios import arguments
from scenarios.options import one_of

playground_commands = typer.Typer()


@playground_commands.command()
def up(
    system: arguments.System = "sparki",
    broker: arguments.Broker = None,
    broker_settings: arguments.BrokerSettings = "tuned",
    tls: arguments.Tls = False,
    variables: arguments.Variables = None,
) -> None:
    """Start a cluster to play with, and leave it running."""
    from scenarios.playground import start  # noqa: PLC0415

    one_of("--broker-settings", broker_settings, ("tuned", "stock"))
    start(system, variables or [], broker, broker_settings, tls=tls)  # type: ignore[arg-type]


@playground_commands.command()
def down() -> None:
    """Stop the cluster that `gameday up` started."""
    from scenarios.playground import stop  # noqa: PLC0415

    stop()


@playground_commands.command()
def status() -> None:
    """Show the cluster of `gameday up`, and what else of ours is running."""
    from scenarios.playground import show  # noqa: PLC0415

    show()
