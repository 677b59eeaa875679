"""A defect in a load process ends the process, loudly: a client that fails silently would lie.

gevent prints the error of a greenlet and goes on without it; then a worker would hang and look
like a fault of the broker. Here the run sees its process end, and calls the verdict unknown.
"""

import os
import sys
from typing import Any

import gevent

EXIT_CODE = 70


def end_on_defects() -> None:
    """End this process when any greenlet or callback fails."""
    hub = gevent.get_hub()
    show = hub.handle_error

    def handle_error(context: Any, kind: Any, value: Any, trace: Any) -> None:
        show(context, kind, value, trace)
        if not issubclass(kind, hub.NOT_ERROR):
            sys.stderr.flush()
            os._exit(EXIT_CODE)

    hub.handle_error = handle_error
