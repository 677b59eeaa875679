"""How a connection ends: what pika says of it, and what pika does not offer."""

from typing import Any

from pika.exceptions import StreamLostError


def reply_code(reason: Any) -> int:
    """Return AMQP's reply code of a closing, 0 where the connection broke without one."""
    code = getattr(reason, "reply_code", 0)
    return code if isinstance(code, int) and code > 0 else 0


def abort(connection: Any) -> None:
    """Close the socket at once. pika offers no public way that does not wait for the peer."""
    if not connection.is_closed:
        connection._terminate_stream(StreamLostError("given up"))  # noqa: SLF001
