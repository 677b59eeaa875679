"""Every kind of fault, by the name that plans use: one literal table.

`gameday list` prints it, a plan file is read by it. A fault that is not here does not exist.
"""

from dataclasses import MISSING, fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from chaos.access import (
    CloseConnections,
    LimitUser,
    LimitVhost,
    RevokePermissions,
    RotatePassword,
)
from chaos.administration import DisablePlugin, EnableFeature, ImportDefinitions
from chaos.alarms import DiskAlarm, MemoryAlarm
from chaos.balancing import RestartBalancer
from chaos.clients import KillClient, SignalClient
from chaos.clock import JumpClock
from chaos.degraded import FlapLinks, SlowLinks
from chaos.doors import ClientToxic, CutClients, SwallowThenClose
from chaos.fault import Fault, Nothing
from chaos.halts import PauseNode, StopApp, StopNode
from chaos.herd import ThunderingHerd
from chaos.hosts import RotateCredentials, WrongName
from chaos.limited import ExpireMessages, LimitMessageSize, OverflowQueue
from chaos.links import CutLinks, Isolate
from chaos.losses import ForgetNode, WipeNode
from chaos.networks import DisconnectNetwork
from chaos.nodes import KillAllNodes, KillFollower, KillNode, KillNodes
from chaos.operators import (
    ChangePolicy,
    DeleteQueue,
    PurgeQueue,
    RemoveBinding,
    RemoveExchange,
)
from chaos.overload import Overload
from chaos.poison import Poison
from chaos.renewing import RenewPassword
from chaos.replay import Replay
from chaos.resources import FillDisk, LimitFiles, StarveNode
from chaos.restarts import FlapNode, RestartInOrder, RollingRestart
from chaos.workers import CancelConsumer, RetryStorm, SlowClient, WedgeClient
from gameday.errors import UsageError

KINDS: dict[str, type[Fault]] = {
    "nothing": Nothing,
    "kill_node": KillNode,
    "kill_follower": KillFollower,
    "kill_nodes": KillNodes,
    "kill_all_nodes": KillAllNodes,
    "stop_node": StopNode,
    "stop_app": StopApp,
    "pause_node": PauseNode,
    "rolling_restart": RollingRestart,
    "flap_node": FlapNode,
    "restart_in_order": RestartInOrder,
    "wipe_node": WipeNode,
    "forget_node": ForgetNode,
    "isolate": Isolate,
    "cut_links": CutLinks,
    "disconnect_network": DisconnectNetwork,
    "slow_links": SlowLinks,
    "flap_links": FlapLinks,
    "disk_alarm": DiskAlarm,
    "memory_alarm": MemoryAlarm,
    "cut_clients": CutClients,
    "client_toxic": ClientToxic,
    "kill_client": KillClient,
    "signal_client": SignalClient,
    "swallow_then_close": SwallowThenClose,
    "poison": Poison,
    "remove_binding": RemoveBinding,
    "delete_queue": DeleteQueue,
    "purge_queue": PurgeQueue,
    "remove_exchange": RemoveExchange,
    "change_policy": ChangePolicy,
    "rotate_password": RotatePassword,
    "renew_password": RenewPassword,
    "revoke_permissions": RevokePermissions,
    "limit_vhost": LimitVhost,
    "limit_user": LimitUser,
    "close_connections": CloseConnections,
    "import_definitions": ImportDefinitions,
    "disable_plugin": DisablePlugin,
    "enable_feature": EnableFeature,
    "overflow_queue": OverflowQueue,
    "expire_messages": ExpireMessages,
    "limit_message_size": LimitMessageSize,
    "limit_files": LimitFiles,
    "fill_disk": FillDisk,
    "starve_node": StarveNode,
    "jump_clock": JumpClock,
    "wedge_client": WedgeClient,
    "slow_client": SlowClient,
    "cancel_consumer": CancelConsumer,
    "retry_storm": RetryStorm,
    "thundering_herd": ThunderingHerd,
    "overload": Overload,
    "replay": Replay,
    "wrong_name": WrongName,
    "rotate_credentials": RotateCredentials,
    "restart_balancer": RestartBalancer,
}

POWERS: dict[str, str | None] = {
    "nothing": None,
    "kill_node": "kill_node",
    "kill_follower": "kill_node",
    "kill_nodes": "kill_node",
    "kill_all_nodes": "kill_node",
    "stop_node": "stop_node",
    "stop_app": "stop_app",
    "pause_node": "pause_node",
    "rolling_restart": "stop_node",
    "flap_node": "kill_node",
    "restart_in_order": "stop_node",
    "wipe_node": "wipe_node",
    "forget_node": "forget_node",
    "isolate": "partition",
    "cut_links": "partition",
    "disconnect_network": "disconnect",
    "slow_links": "slow_link",
    "flap_links": "slow_link",
    "disk_alarm": "disk_alarm",
    "memory_alarm": "memory_alarm",
    "cut_clients": "client_link",
    "client_toxic": "client_link",
    "kill_client": None,
    "signal_client": None,
    "swallow_then_close": "spare_door",
    "poison": None,
    "remove_binding": "operate",
    "delete_queue": "operate",
    "purge_queue": "operate",
    "remove_exchange": "operate",
    "change_policy": "operate",
    "rotate_password": "operate",
    "renew_password": "operate",
    "revoke_permissions": "operate",
    "limit_vhost": "operate",
    "limit_user": "operate",
    "close_connections": "operate",
    "import_definitions": "operate",
    "disable_plugin": "operate",
    "enable_feature": "operate",
    "overflow_queue": "operate",
    "expire_messages": "operate",
    "limit_message_size": "operate",
    "limit_files": "pause_node",
    "fill_disk": "disk_alarm",
    "starve_node": "pause_node",
    "jump_clock": "jump_clock",
    "wedge_client": None,
    "slow_client": None,
    "cancel_consumer": None,
    "retry_storm": None,
    "thundering_herd": "operate",
    "overload": None,
    "replay": None,
    "wrong_name": "client_link",
    "rotate_credentials": "operate",
    "restart_balancer": "balancer",
}
"""Which power the cluster must have for a kind; a cluster without it ends *not tested*."""

TAKES_NODE_AWAY = frozenset(
    {
        *("kill_node", "kill_follower", "stop_node", "stop_app", "pause_node"),
        *("rolling_restart", "flap_node", "restart_in_order", "wipe_node", "forget_node"),
        *("isolate", "cut_links", "disconnect_network"),
    }
)
"""Kinds that take one node from the cluster; two of them at once take its majority."""

ON_LINKS = frozenset({"isolate", "cut_links", "slow_links", "flap_links"})
"""Kinds that change links between nodes; the second of two on one link would undo the first."""

ON_DOORS = frozenset({"cut_clients", "client_toxic"})
"""Kinds that change a node's doors for clients; two of them at once need two nodes."""

TAKES_MAJORITY = frozenset({"kill_nodes"})
"""Kinds that take the majority away, and must say so: `majority: true`."""


def field_names(kind: str) -> tuple[str, ...]:
    """Return a kind's fields: its target first, if it has one, then its parameters."""
    return tuple(each.name for each in fields(KINDS[kind]))  # type: ignore[arg-type]


def make(kind: str, target: str | None, parameters: dict[str, Any]) -> Fault:
    """Return the fault that a plan names, or say in one sentence what is wrong with it."""
    if kind not in KINDS:
        raise UsageError(f"kind: there is no fault {kind!r}; there are {', '.join(KINDS)}.")
    names = field_names(kind)
    values = dict(parameters)
    if names:
        if target is None:
            raise UsageError(f"target: {kind} needs one, its {names[0]}.")
        values[names[0]] = target
    unknown = sorted(values.keys() - set(names))
    if unknown:
        known = ", ".join(names[1:]) or "none"
        raise UsageError(f"parameters.{unknown[0]}: {kind} knows no such parameter, but {known}.")
    return _validated(kind, values)


def _validated(kind: str, values: dict[str, Any]) -> Fault:
    """Build the dataclass, with its types checked."""
    try:
        return TypeAdapter(KINDS[kind]).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"parameters.{where}: {first['msg']}.") from error


def defaults(kind: str) -> dict[str, Any]:
    """Return a kind's parameters with their defaults, for `gameday list`."""
    known = fields(KINDS[kind])  # type: ignore[arg-type]
    return {each.name: each.default for each in known[1:] if each.default is not MISSING}
