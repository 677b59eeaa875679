"""Scenarios of limits that are met: of a queue, a message, a process, a disk."""

from scenarios.scenario import Scenario

QUEUE_OVERFLOWS = Scenario(
    name="queue-overflows",
    claim="A queue may hold no more than twenty messages, and load fills it: publishers are told "
    "what it did not take, and nothing that was confirmed is lost.",
    for_s=6,
    recover_s=8,
    faults=lambda cast: (cast.entry("overflow_queue", cast.target, overflow="reject-publish"),),
)

MESSAGES_EXPIRE = Scenario(
    name="messages-expire",
    claim="What waits in a queue for more than a fifth of a second expires: it is in the "
    "dead-letter queue and says why, or is counted as lost.",
    for_s=6,
    recover_s=6,
    faults=lambda cast: (cast.entry("expire_messages", cast.target),),
)

MESSAGES_TOO_LARGE = Scenario(
    name="messages-too-large",
    claim="Every node takes no message above 500 bytes: publishers of larger ones are told, call "
    "none of them sent, and are back when the limit is.",
    for_s=6,
    recover_s=8,
    faults=lambda cast: (cast.entry("limit_message_size", "all"),),
)

FILES_EXHAUSTED = Scenario(
    name="files-exhausted",
    claim="The node that leads the queues has no file descriptor left: it takes nobody anew, and "
    "nothing that was confirmed is lost.",
    for_s=5,
    recover_s=14,
    faults=lambda cast: (cast.entry("limit_files", cast.leader),),
)

DISK_FULL = Scenario(
    name="disk-full",
    claim="The small file system of the nodes is really full: the broker raises its alarm by "
    "itself, publishers are blocked, and resume when there is room.",
    for_s=6,
    recover_s=8,
    faults=lambda cast: (cast.entry("fill_disk", "all"),),
)
