"""Damages to the network: holes in the rules, closed doors, a deaf broker, vain proofs."""
# ruff: noqa: D401  # The docstring of a damage says what has gone wrong.

from typing import Any

from tests.fake_folder import FakeRun


def _seen(run: FakeRun) -> dict[str, Any]:
    return run.journal.of("isolation")[0]


def _path(run: FakeRun, zone: str, door: str, place: str = "service", family: str = "IPv4") -> Any:
    wanted = {"zone": zone, "door": door, "place": place, "family": family}
    return next(each for each in _seen(run)["paths"] if wanted.items() <= each.items())


def leave_a_hole(run: FakeRun) -> None:
    """The rules let the outside to AMQP."""
    _path(run, "outside", "amqp")["enforced"] = "open"


def forget_ipv6(run: FakeRun) -> None:
    """The rules are for IPv4 alone, and somebody comes by IPv6."""
    _path(run, "outside", "epmd", family="IPv6")["enforced"] = "open"


def get_through_without_a_word(run: FakeRun) -> None:
    """A forbidden connection is made, and the protocol is not spoken then."""
    _path(run, "shop", "metrics")["enforced"] = "mute"


def listen_where_nobody_declared(run: FakeRun) -> None:
    """The broker listens on a port that the contract does not know, and it is reached."""
    way = {"door": "port 1883", "port": 1883, "place": "service", "family": "IPv4"}
    ended = {"enforced": "open", "lifted": "open", "said": "connected"}
    _seen(run)["paths"].append({"zone": "outside", **way, **ended})


def bind_management_everywhere(run: FakeRun) -> None:
    """The management page listens at every address, and the rules know of one only."""
    path = _path(run, "monitoring", "management")
    path["enforced"] = path["lifted"] = "open"


def shut_out_the_shop(run: FakeRun) -> None:
    """The rules close what they should open."""
    _path(run, "shop", "amqp")["enforced"] = "silent"


def open_without_an_answer(run: FakeRun) -> None:
    """An allowed connection is made, and nobody speaks AMQP."""
    path = _path(run, "shop", "amqp")
    path["enforced"] = path["lifted"] = "mute"


def be_deaf_before(run: FakeRun) -> None:
    """The broker was not up when the probes began: everything is closed, as forbidden paths are."""
    _silence(run, "before")
    for path in _seen(run)["paths"]:
        path["enforced"] = path["lifted"] = "refused"


def die_meanwhile(run: FakeRun) -> None:
    """The broker died while it was probed."""
    _silence(run, "after")


def _silence(run: FakeRun, when: str) -> None:
    for own in _seen(run)["own"]:
        if own["when"] == when:
            own["outcome"] = "refused"


def have_no_route(run: FakeRun) -> None:
    """A zone reaches nothing, with the rules or without: it proves nothing about the rules."""
    for path in _seen(run)["paths"]:
        if path["zone"] == "outside":
            path["enforced"] = path["lifted"] = "silent"


def skip_a_zone(run: FakeRun) -> None:
    """Nobody probed from the outside."""
    _seen(run)["paths"] = [each for each in _seen(run)["paths"] if each["zone"] != "outside"]


def skip_ipv6(run: FakeRun) -> None:
    """Nobody probed over IPv6, which the zones have."""
    _seen(run)["paths"] = [each for each in _seen(run)["paths"] if each["family"] == "IPv4"]


def open_no_zones(run: FakeRun) -> None:
    """The zones could not be opened."""
    run.journal.lines.remove(_seen(run))
    run.journal.add(20_000_000_000, "isolation", problem="no namespaces can be made here")


def detect_without_rules(run: FakeRun) -> None:
    """The detection says that rules are enforced where there are none."""
    _seen(run)["detection"]["without_rules"] = True


def enforce_nothing(run: FakeRun) -> None:
    """The machine takes rules and does not enforce them, as kindnet does."""
    _seen(run)["detection"]["with_rules"] = False


def leave_processes(run: FakeRun) -> None:
    """Processes of the zones are still there after they were closed."""
    _seen(run)["left"] = ["process 4711"]


def warn_afterwards(run: FakeRun) -> None:
    """How much memory it takes was said when it was taken already."""
    run.journal.of("isolation_forecast")[0]["time_ns"] = _seen(run)["begun_ns"] + 1


def promise_too_little(run: FakeRun) -> None:
    """It took more memory than was announced."""
    _seen(run)["memory"]["took_mib"] = 300.0


def leave_forwarding_on(run: FakeRun) -> None:
    """The machine forwards afterwards, and did not before."""
    _seen(run)["after"]["forwarding"] = {"net.ipv4.ip_forward": "1"}
