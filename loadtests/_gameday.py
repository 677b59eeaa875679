"""What the Locust files share: users are a system's services, and their load is its contract's.

Two ways to run. *Joined* (`GAMEDAY_RUN_FOLDER` names a run folder): `gameday run` has started this
process; producers are users here, workers are processes of their own, and the run says when to
begin. *Bare* (`locust -f loadtests`): this process makes the run folder, declares the topology,
runs consumers as users too, and drains at the end, so that `gameday check` can judge it.
"""

import logging
import os
import re
import sys
from functools import cache
from pathlib import Path
from time import monotonic_ns
from typing import Any

import gevent
from locust import User, events, task
from locust.env import Environment

from gameday.contracts.load import load_contract
from gameday.contracts.model import Contract
from gameday.errors import HarnessError, UsageError
from gameday.history.records import Result
from gameday.traffic import bare
from gameday.traffic.consumer import Consumer
from gameday.traffic.deliveries import Delivery
from gameday.traffic.joined import Joined
from gameday.traffic.messages import Outgoing
from gameday.traffic.publisher import Publisher
from gameday.traffic.session import (
    Session,
    contract_of_run,
    open_session,
    targets_from_environment,
)

DEFAULT_SYSTEM = "sparki"
NOT_BEGUN = (
    "the time was over before a broker had answered and the run had begun, so there is nothing to "
    "judge: see that AMQP_URL is right or `gameday up` has a cluster, or give more --run-time\n"
)


class _State:
    """What this process knows: one run at a time, its session, and who works in it."""

    folder: Path | None = None
    session: Session | None = None
    joined: Joined | None = None
    is_beginning = False
    publishers: list[Publisher]
    consumers: list[Consumer]

    def __init__(self) -> None:
        self.publishers, self.consumers = [], []


STATE = _State()


def _is_joined() -> bool:
    return "GAMEDAY_RUN_FOLDER" in os.environ


class ServiceUser(User):
    """One service of a system. Subclasses name the system and the contract's part."""

    abstract = True
    fixed_count = 1
    system: str
    part: str

    @task
    def live(self) -> None:
        """Stay alive: the schedule and the broker decide what happens when."""
        gevent.sleep(1)


class ProducerUser(ServiceUser):
    """A producing service with its own pool, schedule, confirms and retries."""

    abstract = True

    def on_start(self) -> None:
        """Open the pool; joined, the schedule waits for the run's word."""
        session = _session()
        contract = next(each for each in session.contract.producers if each.name == self.part)
        self.publisher = session.publisher(contract, first=len(STATE.publishers))
        self.publisher.on_done = self._done
        STATE.publishers.append(self.publisher)
        if STATE.joined is None:
            self.publisher.start()
        else:
            STATE.joined.add(self.part, contract, self.publisher)

    def on_stop(self) -> None:
        """Let nothing more fall due."""
        self.publisher.stop()

    def _done(self, message: Outgoing, arrived: bool) -> None:
        failure = None if arrived else HarnessError("not confirmed after the last attempt")
        self.environment.events.request.fire(
            request_type="CONFIRM",
            name=message.route.routing_key,
            response_time=(monotonic_ns() - message.due_ns) / 1e6,
            response_length=len(message.body),
            exception=failure,
        )


class ConsumerUser(ServiceUser):
    """A consuming service, in a bare load test; in a game day it is worker processes instead."""

    abstract = True

    def on_start(self) -> None:
        """Consume, as many times as the contract has workers."""
        session = _session()
        contract = next(each for each in session.contract.consumers if each.name == self.part)
        for number in range(contract.workers * contract.concurrency):
            consumer = session.consumer(contract, number, number)
            consumer.on_handled = self._handled
            STATE.consumers.append(consumer)

    def _handled(self, delivery: Delivery, result: Result) -> None:
        if delivery.who is None:
            return
        self.environment.events.request.fire(
            request_type="DELIVER",
            name=self.part,
            response_time=(monotonic_ns() - delivery.who.due_ns) / 1e6,
            response_length=len(delivery.body),
            exception=None,
            context={"result": result.name},
        )


def users_of(system: str, module: dict[str, Any]) -> None:
    """Put the users of a system into a Locust file's names, unless another was chosen."""
    if _chosen() == system:
        module.update(_users(_contract()))


def users_without_a_file(module: dict[str, Any]) -> None:
    """Put the users of the chosen system into a Locust file's names, if no other file has them."""
    files = {path.stem.removesuffix("_users") for path in Path(__file__).parent.glob("*_users.py")}
    if _chosen() not in files - {Path(module["__file__"]).stem.removesuffix("_users")}:
        module.update(_users(_contract()))


def _users(contract: Contract) -> dict[str, type[ServiceUser]]:
    """Return a class for each service, by its name; Locust wants no name twice."""
    services = [(ProducerUser, "producer", each.name) for each in contract.producers]
    if not _is_joined():
        services += [(ConsumerUser, "consumer", each.name) for each in contract.consumers]
    classes: dict[str, type[ServiceUser]] = {}
    for base, kind, part in services:
        name = _class_name(contract.system, part)
        while name in classes:
            name += kind.capitalize()
        inside = {"system": contract.system, "part": part, "abstract": False}
        classes[name] = type(name, (base,), inside)
    return classes


def _class_name(*names: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", "-".join(names))
    return "".join(word.capitalize() for word in words)


def _chosen() -> str:
    """Return the system whose users are wanted: in a run that of its manifest."""
    return _contract().system if _is_joined() else _asked_for()


@cache
def _contract() -> Contract:
    """Return the contract: the run's own, wherever it came from, or the one that was asked for."""
    try:
        if _is_joined():
            return contract_of_run(Path(os.environ["GAMEDAY_RUN_FOLDER"]))
        return load_contract(_asked_for())
    except (UsageError, HarnessError) as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None


def _asked_for() -> str:
    """Return what `--system` says; Locust parses its own options only after loading its files."""
    for number, word in enumerate(sys.argv):
        if word == "--system" and number + 1 < len(sys.argv):
            return sys.argv[number + 1]
        if word.startswith("--system="):
            return word.partition("=")[2]
    return os.environ.get("GAMEDAY_SYSTEM", DEFAULT_SYSTEM)


def _session() -> Session:
    """Return this process's session, begun when the first user starts (after any fork)."""
    if STATE.session is None:
        assert STATE.folder is not None, "a test begins before its users"
        targets = targets_from_environment()
        STATE.session = open_session(STATE.folder, "locust", targets)
        if _is_joined():
            STATE.joined = Joined(STATE.folder, STATE.session.ledger.process, STATE.session.seed)
    return STATE.session


def _add_options(parser: Any) -> None:
    parser.add_argument(
        "--system",
        default=DEFAULT_SYSTEM,
        env_var="GAMEDAY_SYSTEM",
        help="whose services to run: the name of a contract, or its path",
    )
    parser.add_argument(
        "--seed", type=int, default=1, env_var="GAMEDAY_SEED", help="decides the schedule"
    )


def _spawn_all(environment: Environment, **_: Any) -> None:
    """One user a service is the contract's load; Locust's own default would start one in all."""
    options = environment.parsed_options
    if options is not None and not options.num_users:
        options.num_users = len(environment.user_classes)
        options.spawn_rate = options.spawn_rate or options.num_users


def _set_clock(**_: Any) -> None:
    """Let Locust's run time count from now: on a busy machine loading its files takes seconds."""
    gevent.get_hub().loop.update_now()  # It stood still meanwhile, and timers start from it.


def _begin(environment: Environment, **_: Any) -> None:
    """Join the run, or make one."""
    if _is_joined():
        STATE.folder = Path(os.environ["GAMEDAY_RUN_FOLDER"])
        return
    if STATE.folder is not None or environment.runner is None:
        return
    options = environment.parsed_options
    STATE.is_beginning = True
    try:
        STATE.folder = bare.begin(options.system, options.seed)
        STATE.is_beginning = False
    except (UsageError, HarnessError) as error:
        sys.stderr.write(f"{error}\n")
        if environment.web_ui is None:
            # Locust takes SystemExit here for the end of one greenlet, and would idle on.
            environment.process_exit_code = 2
            gevent.spawn(environment.runner.quit)
        raise SystemExit(2) from None


def _end(**_: Any) -> None:
    """Stop, wait for confirms, let consumers finish, drain, and say what to type next."""
    if STATE.session is None or STATE.folder is None:
        return
    folder, session = STATE.folder, STATE.session
    if STATE.joined is not None:
        STATE.joined.close()
    bare.wind_down(session, STATE.publishers, STATE.consumers, is_joined=_is_joined())
    STATE.session, STATE.folder, STATE.joined = None, None, None
    STATE.publishers, STATE.consumers = [], []
    if not _is_joined():
        finished = bare.drain(folder)
        sys.stderr.write(f"drained: {'yes' if finished else 'NO'}. Next: gameday check {folder}\n")


def _exit_code(environment: Environment, **_: Any) -> None:
    """End with 0 although publishes failed: that is data, and the ledger is what is judged.

    A test whose time was over before its run had begun has no ledger, so it is no success.
    """
    if STATE.is_beginning and environment.process_exit_code is None:
        environment.process_exit_code = 2
        sys.stderr.write(NOT_BEGUN)
    if environment.process_exit_code is None:
        environment.process_exit_code = 0


def install() -> None:
    """Register the listeners, once, whatever names this module is loaded under."""
    if getattr(events, "gameday_installed", False):
        return
    events.gameday_installed = True
    logging.getLogger("pika").setLevel(logging.CRITICAL)  # What it would say stands in the ledger.
    events.init_command_line_parser.add_listener(_add_options)
    events.init.add_listener(_spawn_all)
    events.init.add_listener(_set_clock)
    events.test_start.add_listener(_begin)
    events.test_stop.add_listener(_end)
    events.quitting.add_listener(_exit_code)


install()
