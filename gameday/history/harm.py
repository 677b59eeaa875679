"""Which unsafe client must be caught losing messages under each kind of fault, or why none can.

A run in which a kind strikes must have run its control, and caught it: otherwise nothing shows
that a loss of that sort would have been seen. The clients themselves are in
`gameday/traffic/unsafe.py`; the harm is done to them in a virtual host of their own, so that no
fault of theirs touches the system under test.
"""

AUTOMATIC_ACK = "control-automatic-ack"
TRANSIENT = "control-transient"
NO_CONFIRMS = "control-no-confirms"
REFUSED = "control-refused"
NOT_MANDATORY = "control-not-mandatory"
NO_DEAD_LETTERS = "control-no-dead-letters"
DROP_HEAD = "control-drop-head"
EXPIRING = "control-expiring"
PURGED = "control-purged"

UNSAFE: dict[str, str] = {
    AUTOMATIC_ACK: "a slow consumer with automatic acks is killed with its hands full",
    TRANSIENT: "transient messages lie on an unmirrored classic queue whose node is killed, "
    "stopped, or emptied",
    NO_CONFIRMS: "a publisher without confirms; its link swallows what it sends, and then closes",
    REFUSED: "a publisher without confirms; its exchange is removed, so its channel is closed",
    NOT_MANDATORY: "a publisher without the mandatory flag; its queue's binding is removed",
    NO_DEAD_LETTERS: "a consumer rejects poison, and its queue has no dead-letter exchange",
    DROP_HEAD: "a queue that may drop its head, with no dead-letter exchange, overflows",
    EXPIRING: "messages of a queue without a dead-letter exchange expire",
    PURGED: "all do right, and their queue is purged: a loss that nobody could have prevented",
}
"""What each control does wrong, and what harms it."""

CONTROL_FOR: dict[str, str] = {
    "kill_node": TRANSIENT,
    "kill_follower": TRANSIENT,
    "kill_nodes": TRANSIENT,
    "kill_all_nodes": TRANSIENT,
    "flap_node": TRANSIENT,
    "stop_node": TRANSIENT,
    "stop_app": TRANSIENT,
    "rolling_restart": TRANSIENT,
    "restart_in_order": TRANSIENT,
    "wipe_node": TRANSIENT,
    "forget_node": TRANSIENT,
    "isolate": NO_CONFIRMS,
    "cut_links": NO_CONFIRMS,
    "disconnect_network": NO_CONFIRMS,
    "cut_clients": NO_CONFIRMS,
    "client_toxic": NO_CONFIRMS,
    "swallow_then_close": NO_CONFIRMS,
    "close_connections": NO_CONFIRMS,
    "kill_client": AUTOMATIC_ACK,
    "signal_client": AUTOMATIC_ACK,
    "wedge_client": AUTOMATIC_ACK,
    "cancel_consumer": AUTOMATIC_ACK,
    "poison": NO_DEAD_LETTERS,
    "retry_storm": NO_DEAD_LETTERS,
    "remove_binding": NOT_MANDATORY,
    "delete_queue": PURGED,
    "purge_queue": PURGED,
    "remove_exchange": REFUSED,
    "revoke_permissions": REFUSED,
    "limit_message_size": REFUSED,
    "change_policy": DROP_HEAD,
    "overflow_queue": DROP_HEAD,
    "expire_messages": EXPIRING,
}
"""By kind of fault the control that must be caught where it strikes."""

_WAITS = "nothing is closed and nothing is dropped: what is sent arrives late"
_TOLD = "whoever comes anew is refused and told so; what stands goes on, and queues are untouched"
_ALARM = (
    "what a blocked publisher sent waits in its socket, and is read when the alarm clears; if its "
    "connection breaks meanwhile, that is cut_clients"
)

NO_CONTROL: dict[str, str] = {
    "nothing": "it breaks nothing",
    "pause_node": "a suspended node forgets nothing; what its peers do meanwhile is isolate's",
    "starve_node": _WAITS,
    "slow_links": _WAITS,
    "flap_links": _WAITS,
    "slow_client": _WAITS,
    "overload": "queues grow and drop nothing, unless one is limited: that is overflow_queue",
    "disk_alarm": _ALARM,
    "memory_alarm": _ALARM,
    "fill_disk": _ALARM,
    "limit_files": _TOLD,
    "limit_vhost": _TOLD,
    "limit_user": _TOLD,
    "rotate_password": _TOLD,
    "renew_password": "each client settles what it has in hand before it closes; none is cut off",
    "thundering_herd": "its clients carry no messages, and the load's are not touched",
    "import_definitions": "it adds queues and an exchange, and touches none that was there",
    "disable_plugin": "AMQP 0-9-1 goes on; no message passes by the plugin",
    "jump_clock": "it takes what is allowed to expire: expire_messages' control loses the same",
    "enable_feature": "the broker changes its tables while clients go on, and drops nothing",
    "restart_balancer": "controls come beside it; a lost connection harms as under cut_clients",
    "replay": "it repeats messages and takes none: what it harms is judged by `effects`",
    "wrong_name": "it strikes a host that carries no messages",
    "rotate_credentials": "it strikes a host that carries no messages",
}
"""Kinds under which no unsafe client would lose more than elsewhere, and why."""
