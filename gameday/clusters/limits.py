"""A node's alarm limits: read, changed for an alarm, and given back their own values.

The values that a node had when its cluster started are noted in the cluster's folder, so that
whoever comes later restores those and no constant. A limit that is changed takes effect at once;
a node that restarts has its configured limits again.
"""

import re
from dataclasses import asdict, dataclass

from gameday.clusters.cluster import Ctl
from gameday.errors import HarnessError

CONFIGURED_SIZE = "element(2, application:get_env(rabbit, max_message_size))"


@dataclass(frozen=True)
class Limits:
    """A node's limits: free disk in bytes; memory as a fraction, or in bytes above one."""

    disk_free_bytes: int
    memory_watermark: float

    def as_json(self) -> dict[str, float]:
        """Return a form for files."""
        return asdict(self)


def disk_free_limit(ctl: Ctl, node: str) -> int:
    """Return the free disk in bytes below which the node raises its alarm."""
    return int(ctl.evaluate(node, "rabbit_disk_monitor:get_disk_free_limit()"))


def disk_free(ctl: Ctl, node: str) -> int:
    """Return the free disk in bytes as the node last saw it."""
    answer = ctl.evaluate(node, "rabbit_disk_monitor:get_disk_free()")
    if not answer.isdigit():
        raise HarnessError(f"{node} does not watch its disk: free is {answer}")
    return int(answer)


def set_disk_free_limit(ctl: Ctl, node: str, limit_bytes: int) -> None:
    """Set the disk limit; with more than is free the alarm is in force on return."""
    # Above the free space the monitor would run `df` ten times a second: once is enough.
    order = (
        "begin rabbit_disk_monitor:set_min_check_interval(1000), "
        f"rabbit_disk_monitor:set_disk_free_limit({limit_bytes}) end"
    )
    _expect_ok(ctl, node, order)
    found = disk_free_limit(ctl, node)
    if found != limit_bytes:
        raise HarnessError(f"{node} has a disk limit of {found}, not {limit_bytes}")


def memory(ctl: Ctl, node: str) -> tuple[int, int]:
    """Return how much memory a node uses, and at how much it raises its alarm, in bytes."""
    question = "{vm_memory_monitor:get_process_memory(), vm_memory_monitor:get_memory_limit()}"
    used, limit = re.findall(r"\d+", ctl.evaluate(node, question))
    return int(used), int(limit)


def memory_watermark(ctl: Ctl, node: str) -> float:
    """Return the memory watermark: a fraction, or bytes where an absolute one is set."""
    question = (
        "case vm_memory_monitor:get_vm_memory_high_watermark() of "
        "{absolute, Bytes} -> Bytes; Fraction -> Fraction end"
    )
    return float(ctl.evaluate(node, question))


def set_memory_watermark(ctl: Ctl, node: str, watermark: float) -> None:
    """Set the memory watermark; zero raises the alarm at once."""
    value = f"{{absolute, {int(watermark)}}}" if watermark > 1 else f"{watermark:g}"
    order = f"vm_memory_monitor:set_vm_memory_high_watermark({value})"
    _expect_ok(ctl, node, order)


def read_limits(ctl: Ctl, node: str) -> Limits:
    """Return the limits in force."""
    return Limits(disk_free_limit(ctl, node), memory_watermark(ctl, node))


def restore_limits(ctl: Ctl, node: str, limits: Limits) -> None:
    """Give a node its own limits back; harmless when it has them."""
    set_disk_free_limit(ctl, node, limits.disk_free_bytes)
    set_memory_watermark(ctl, node, limits.memory_watermark)


def max_message_size(ctl: Ctl, node: str) -> int:
    """Return the size in bytes beyond which the node takes no message on a new channel."""
    return int(ctl.evaluate(node, f"persistent_term:get(max_message_size, {CONFIGURED_SIZE})"))


def set_max_message_size(ctl: Ctl, node: str, max_bytes: int) -> None:
    """Set the size for channels that are opened from now on.

    The setting is what 3.10 reads; 4.x reads a term that it made of it when it started.
    """
    order = (
        f"begin application:set_env(rabbit, max_message_size, {max_bytes}), "
        "case persistent_term:get(max_message_size, none) of none -> ok; "
        f"_ -> persistent_term:put(max_message_size, {max_bytes}) end end"
    )
    _expect_ok(ctl, node, order)


def _expect_ok(ctl: Ctl, node: str, order: str) -> None:
    """Give an order and insist on `ok`."""
    answer = ctl.evaluate(node, order)
    if answer != "ok":
        raise HarnessError(f"{node}: {order}: {answer}")
