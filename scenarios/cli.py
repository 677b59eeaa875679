"""The command line. Each command is a few lines over a room that does the work.

Everything heavy is imported inside the commands, so that `gameday --help` is quick. Bad input is
one sentence and exit code 2; a harness that could not prepare, or could not restore, is 4. What
nobody foresaw is a defect of the harness and 3, never Python's own 1, which would read NO-GO.
"""

import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gameday.errors import HarnessError, UsageError
from scenarios import arguments
from scenarios.arguments import RunFolder
from scenarios.commands import contract_commands
from scenarios.comparing import comparing_commands
from scenarios.options import Options, one_of
from scenarios.playground_commands import playground_commands

USAGE, UNKNOWN, NOT_PREPARED, INTERRUPTED = 2, 3, 4, 130

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Game days for RabbitMQ: load, faults, a ledger of every message, and a decision.",
)

app.add_typer(contract_commands)
app.add_typer(comparing_commands)
app.add_typer(playground_commands)


@app.command()
def run(
    systems: Annotated[
        list[str] | None, typer.Argument(help="Systems, or contracts' paths; sparki if none.")
    ] = None,
    suite: Annotated[
        str, typer.Option(help="smoke, full, or nightly: full for every system.")
    ] = "smoke",
    scenario: Annotated[str | None, typer.Option(help="One scenario of the suite only.")] = None,
    plan: Annotated[Path | None, typer.Option(help="Play this plan.json instead.")] = None,
    cluster: Annotated[
        str, typer.Option(help="local, compose (containers), or attached (AMQP_URL).")
    ] = "local",
    cluster_file: arguments.ClusterFile = None,
    dry_run: arguments.DryRun = False,
    broker: arguments.Broker = None,
    broker_settings: arguments.BrokerSettings = "tuned",
    alternative: Annotated[str | None, typer.Option(help="One of the contract's.")] = None,
    repeat: Annotated[
        int, typer.Option(min=1, help="Play it so often, each with the next seed.")
    ] = 1,
    seed: Annotated[int, typer.Option(help="Decides arrivals, priorities and fates.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Where run folders go.")] = None,
    i_own: Annotated[list[str] | None, typer.Option(help="A host that is yours to load.")] = None,
    tls: arguments.Tls = False,
    variables: arguments.Variables = None,
) -> None:
    """Play a suite against a cluster, and decide."""
    from scenarios.several import play_all, wanted_runs  # noqa: PLC0415

    one_of("--suite", suite, ("smoke", "full", "nightly"))
    one_of("--cluster", cluster, ("local", "compose", "attached"))
    one_of("--broker-settings", broker_settings, ("tuned", "stock"))
    options = Options(
        suite=suite,  # type: ignore[arg-type]  # Checked above.
        scenario=scenario,
        plan=plan,
        cluster=cluster,  # type: ignore[arg-type]
        broker=broker,
        broker_settings=broker_settings,  # type: ignore[arg-type]
        alternative=alternative,
        seed=seed,
        out=out,
        owned=tuple(i_own or ()),
        variables=tuple(variables or ()),
        tls=tls,
        cluster_file=cluster_file,
        dry_run=dry_run,
    )
    raise typer.Exit(play_all(wanted_runs(options, systems or (), repeat)))


@app.command()
def explore(
    system: Annotated[str, typer.Argument(help="A system, or a contract's path.")] = "sparki",
    minutes: Annotated[float, typer.Option(min=1, help="For how long to look.")] = 30,
    seed: Annotated[int, typer.Option(help="The first plan's; each next one is one more.")] = 1,
    broker: Annotated[str | None, typer.Option(help="A version such as 4.3, or a path.")] = None,
    alternative: Annotated[str | None, typer.Option(help="One of the contract's.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where run folders go.")] = None,
) -> None:
    """Draw plans at random, play and judge each, and shrink the first one that fails."""
    from scenarios.explore.command import explore as look  # noqa: PLC0415

    options = Options(system=system, broker=broker, alternative=alternative, seed=seed, out=out)
    raise typer.Exit(look(options, minutes))


@app.command()
def migrate(
    system: Annotated[str, typer.Argument(help="The system that moves.")] = "evaluations",
    suite: Annotated[str, typer.Option(help="smoke or full.")] = "smoke",
    broker: arguments.Broker = None,
    nodes: Annotated[int, typer.Option(help="Nodes of RabbitMQ: 1 or 3.")] = 3,
    seed: Annotated[int, typer.Option(help="Decides arrivals, priorities and fates.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Where run folders go.")] = None,
    own: Annotated[
        str | None, typer.Option("--app", help="Your own Celery application: module:app.")
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="One of its tasks: name, or name=[arguments].")
    ] = None,
    redis_settings: Annotated[
        str | None, typer.Option(help="module:dict, its settings on Redis.")
    ] = None,
    rabbitmq_settings: Annotated[
        str | None, typer.Option(help="module:dict, its settings on RabbitMQ.")
    ] = None,
    rate: Annotated[float, typer.Option(min=0.5, max=50, help="Its tasks a second.")] = 10,
) -> None:
    """Compare Celery on Redis with Celery on RabbitMQ, rehearse the move, and decide."""
    from scenarios.migration.command import migrate_and_judge  # noqa: PLC0415
    from scenarios.migration.options import Asked  # noqa: PLC0415

    one_of("--suite", suite, ("smoke", "full"))
    asked = Asked(
        system, suite, broker, nodes, seed, out, own, tuple(task or ()), redis_settings,
        rabbitmq_settings, rate,
    )  # fmt: skip
    raise typer.Exit(migrate_and_judge(asked))


@app.command()
def check(folder: RunFolder) -> None:
    """Judge a stored run again, without a broker."""
    from scenarios.verdicts import judge_again  # noqa: PLC0415

    raise typer.Exit(judge_again(folder))


@app.command()
def report(folder: RunFolder) -> None:
    """Write a stored run's report again."""
    from scenarios.verdicts import render_again  # noqa: PLC0415

    render_again(folder)


@app.command()
def export(folder: RunFolder) -> None:
    """Write a stored run's ledgers as Parquet."""
    from scenarios.verdicts import export_run  # noqa: PLC0415

    export_run(folder)


@app.command("list")
def list_(
    system: Annotated[
        str | None, typer.Argument(help="One system, or a contract's path: all about it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show systems, suites, scenarios, claims, requirements, faults and checks."""
    from scenarios.listing import show  # noqa: PLC0415

    show(as_json=as_json, system=system)


@app.command()
def lint(
    file: Annotated[str | None, typer.Argument(help="A contract, or definitions.json.")] = None,
    broker: Annotated[str | None, typer.Option(help="A version; else the installed one.")] = None,
    nodes: Annotated[int | None, typer.Option(help="Else the contract's, or 3.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    rules: Annotated[bool, typer.Option("--rules", help="List all rules.")] = False,
    variables: arguments.Variables = None,
) -> None:
    """Say what a contract or an export will meet on a broker; 1 with an error among it."""
    from scenarios.linting import lint as lint_one  # noqa: PLC0415

    raise typer.Exit(lint_one(file, variables or [], broker, nodes, as_json=as_json, rules=rules))


@app.command()
def enqueue(
    repo_url: Annotated[str, typer.Option(help="The repository to build.")],
    commit_sha: Annotated[str, typer.Option(help="The commit to build: 40 hex digits.")],
    runs_on: Annotated[str | None, typer.Option(help="The label of a runner.")] = None,
    system: Annotated[str, typer.Option(help="A system, or a contract's path.")] = "solstice",
    amqp_url: Annotated[
        str | None, typer.Option(help="Else AMQP_URL, else the cluster of `gameday up`.")
    ] = None,
    exchange: Annotated[str | None, typer.Option(help="In place of AMQP_EXCHANGE.")] = None,
    queue: Annotated[str | None, typer.Option(help="In place of AMQP_QUEUE.")] = None,
    routing_key: Annotated[str | None, typer.Option(help="In place of AMQP_ROUTING_KEY.")] = None,
    dlx: Annotated[str | None, typer.Option(help="In place of AMQP_DLX.")] = None,
    dlq: Annotated[str | None, typer.Option(help="In place of AMQP_DLQ.")] = None,
    receive: Annotated[
        bool, typer.Option("--receive", help="Also take it from its queue, and acknowledge it.")
    ] = False,
) -> None:
    """Put one job request on its queue: declared, published, confirmed."""
    from scenarios.enqueue import Wanted, enqueue_one  # noqa: PLC0415

    fields = {"repo_url": repo_url, "commit_sha": commit_sha}
    fields |= {"runs_on": runs_on} if runs_on is not None else {}
    names = {"--exchange": exchange, "--queue": queue, "--routing-key": routing_key}
    names |= {"--dlx": dlx, "--dlq": dlq}
    enqueue_one(Wanted(system, fields, names, amqp_url, receive))


@app.command()
def heal(
    folder: Annotated[Path | None, typer.Argument(help="One run; all when left out.")] = None,
) -> None:
    """Put right whatever an earlier run left: links, alarms, nodes, processes."""
    from chaos.heal import heal as put_right  # noqa: PLC0415

    done = put_right(folder)
    console = Console()
    for sentence in done.sentences or ("nothing to heal.",):
        console.print(sentence, highlight=False)
    raise typer.Exit(0 if done.whole else NOT_PREPARED)


@app.command()
def doctor() -> None:
    """Say what this machine can run, what is missing, and how to get it."""
    from scenarios.doctor import show  # noqa: PLC0415

    raise typer.Exit(show())


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; the exit code says how it ended."""
    code = UNKNOWN
    try:
        code = _run(arguments)
    finally:
        error = sys.exception()
        if error and not isinstance(error.__context__, BrokenPipeError):  # Nobody reads on.
            traceback.print_exception(error)
            _say(f"a defect of the harness ({error}); nothing is decided.", code)
        sys.exit(code)


def _run(arguments: list[str] | None) -> int:
    try:
        result: Any = app(arguments, standalone_mode=False)
    except UsageError as error:
        return _say(str(error), USAGE)
    except HarnessError as error:
        return _say(str(error), NOT_PREPARED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except typer.TyperException as error:
        say = getattr(error, "format_message", error.__str__)
        return _say(f"{say()} See `gameday --help`.", USAGE)
    return result if isinstance(result, int) else 0


def _say(sentence: str, code: int) -> int:
    sys.stderr.write(f"gameday: {sentence}\n")
    return code
