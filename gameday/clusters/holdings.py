"""What a client's consumers hold, by the broker: asked of the channels, not of the statistics.

A client is known by the name that its connections carry. `acks` counts up for as long as a
channel lives; the node notes it at once, where the management plugin is enabled.
"""

import json
from dataclasses import dataclass

from gameday.clusters.cluster import ControlledCluster
from gameday.clusters.expressions import binary

QUESTION = """
begin
  Prefix = {prefix}, Size = byte_size(Prefix),
  Named = fun(Infos) ->
    Properties = proplists:get_value(client_properties, Infos, []),
    case rabbit_misc:table_lookup(Properties, <<"connection_name">>) of
      {{_, <<Prefix:Size/binary, _/binary>>}} -> proplists:get_value(vhost, Infos) =:= {vhost};
      _ -> false
    end
  end,
  Mine = [Pid || {{Pid, Infos}} <- ets:tab2list(connection_created), Named(Infos)],
  Channels = [Pid || {{Pid, Infos}} <- ets:tab2list(channel_created),
    lists:member(proplists:get_value(connection, Infos), Mine)],
  Row = fun(Pid) ->
    try rabbit_channel:info(Pid, [messages_unacknowledged, consumer_count]) of
      [{{_, Unacknowledged}}, {{_, Consumers}}] -> [[Unacknowledged, Consumers,
        lists:sum([element(7, Each) || Each <- ets:tab2list(channel_queue_metrics),
          element(1, element(1, Each)) =:= Pid])]]
    catch _:_ -> [] end
  end,
  iolist_to_binary(rabbit_json:encode(lists:append([Row(Pid) || Pid <- Channels])))
end
"""


@dataclass(frozen=True)
class Holding:
    """What all channels of one client hold, and how much they have acknowledged so far."""

    channels: int
    consumers: int
    unacknowledged: int
    acks: int


def holding(cluster: ControlledCluster, vhost: str, prefix: str) -> Holding:
    """Return what the connections whose names begin so hold, on every node together."""
    question = QUESTION.format(prefix=binary(prefix), vhost=binary(vhost))
    rows = [row for node in cluster.nodes for row in json.loads(cluster.evaluate(node, question))]
    sums = [sum(column) for column in zip(*rows, strict=True)] if rows else [0, 0, 0]
    return Holding(len(rows), sums[1], sums[0], sums[2])
