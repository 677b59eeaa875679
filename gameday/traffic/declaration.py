"""Declaring a contract's topology over AMQP, as its own clients would: idempotent.

Policies cannot be declared by AMQP; a run that can reach the management API sets them there.
"""

import pika
from pika.exceptions import ChannelClosedByBroker

from gameday import secured
from gameday.contracts.model import Topology
from gameday.errors import UsageError
from gameday.traffic.declaring import steps


def declare(url: str, topology: Topology) -> None:
    """Declare exchanges, queues and bindings; a refusal is one sentence in the broker's words."""
    parameters = secured.parameters(url)
    parameters.socket_timeout = parameters.stack_timeout = 10
    try:
        connection = pika.BlockingConnection(parameters)
        channel = connection.channel()
        for method, arguments in steps(topology):
            getattr(channel, method)(**arguments)
        connection.close()
    except ChannelClosedByBroker as error:
        raise UsageError(
            f"the broker refused the contract's topology: {error.reply_text}; delete what stands "
            "there under these names, or use a virtual host of its own"
        ) from error
    except secured.NO_CONNECTION as error:
        raise UsageError(
            f"the topology could not be declared: {type(error).__name__}: {error}"
        ) from error


def depth(url: str, queues: tuple[str, ...]) -> dict[str, int]:
    """Return how many messages wait ready in each queue."""
    parameters = secured.parameters(url)
    parameters.socket_timeout = parameters.stack_timeout = 10
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    found = {
        queue: channel.queue_declare(queue, passive=True).method.message_count for queue in queues
    }
    connection.close()
    return found
