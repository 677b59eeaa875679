"""Every scenario, by family: one literal tuple, in the order in which lists show them."""

from chaos.plan import Entry
from scenarios.library.alarms import DISK_ALARM, MEMORY_ALARM
from scenarios.library.balancers import BALANCER_RESTART
from scenarios.library.clients import (
    CLIENTS_REFUSED,
    CLIENTS_SILENT,
    CONSUMER_CANCELLED,
    OVERLOAD,
    POISON,
    REPLAY,
    RETRY_STORM,
    WORKER_KILLED,
    WORKER_SIGTERM,
    WORKER_SLOW,
    WORKER_WEDGED,
)
from scenarios.library.doors import (
    CONSUMERS_NARROW,
    ONE_SERVICE_CUT,
    PRODUCERS_HALF_OPEN,
    PRODUCERS_LATE,
)
from scenarios.library.hosts import CREDENTIALS_ROTATED, WRONG_NAME
from scenarios.library.limits import (
    DISK_FULL,
    FILES_EXHAUSTED,
    MESSAGES_EXPIRE,
    MESSAGES_TOO_LARGE,
    QUEUE_OVERFLOWS,
)
from scenarios.library.links import (
    OFF_THE_NETWORK,
    ONE_LINK,
    PARTITION_RESET,
    PARTITION_SILENT,
    SLOW_LINKS,
    STALLING_LINKS,
)
from scenarios.library.nodes import (
    CLOCK_JUMP,
    FLAP_LEADER,
    FORGET_LEADER,
    KILL_ALL,
    KILL_FOLLOWER,
    KILL_LEADER,
    KILL_MAJORITY,
    OUTAGE,
    PAUSE_LEADER,
    RESTART_IN_ORDER,
    ROLLING_RESTART,
    STOP_APP,
    STOP_LEADER,
    WIPE_LEADER,
)
from scenarios.library.operators import (
    BINDING_REMOVED,
    EXCHANGE_REMOVED,
    PASSWORD_RENEWED,
    PLUGIN_DISABLED,
    POLICY_CHANGED,
)
from scenarios.library.together import ALARM_IN_PARTITION
from scenarios.scenario import Scenario

CONTROL = Scenario(
    name="control",
    claim="Nothing is broken: what fails here is not a fault's doing.",
    for_s=5,
    recover_s=1,
    faults=lambda _: (Entry(kind="nothing"),),
)

SCENARIOS = (
    CONTROL,
    KILL_LEADER,
    PARTITION_RESET,
    PARTITION_SILENT,
    DISK_ALARM,
    MEMORY_ALARM,
    OVERLOAD,
    POISON,
    REPLAY,
    CLIENTS_REFUSED,
    CLIENTS_SILENT,
    WORKER_SIGTERM,
    WORKER_KILLED,
    WORKER_WEDGED,
    WORKER_SLOW,
    CONSUMER_CANCELLED,
    RETRY_STORM,
    KILL_ALL,
    OUTAGE,
    KILL_FOLLOWER,
    KILL_MAJORITY,
    STOP_LEADER,
    STOP_APP,
    PAUSE_LEADER,
    CLOCK_JUMP,
    FLAP_LEADER,
    ROLLING_RESTART,
    RESTART_IN_ORDER,
    WIPE_LEADER,
    FORGET_LEADER,
    ONE_LINK,
    OFF_THE_NETWORK,
    SLOW_LINKS,
    STALLING_LINKS,
    PRODUCERS_LATE,
    PRODUCERS_HALF_OPEN,
    CONSUMERS_NARROW,
    ONE_SERVICE_CUT,
    BINDING_REMOVED,
    EXCHANGE_REMOVED,
    POLICY_CHANGED,
    PLUGIN_DISABLED,
    QUEUE_OVERFLOWS,
    MESSAGES_EXPIRE,
    MESSAGES_TOO_LARGE,
    FILES_EXHAUSTED,
    DISK_FULL,
    ALARM_IN_PARTITION,
    WRONG_NAME,
    CREDENTIALS_ROTATED,
    BALANCER_RESTART,
    PASSWORD_RENEWED,
)

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
