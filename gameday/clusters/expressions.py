"""What is asked of a node in Erlang, each question one expression that answers in JSON.

The functions called are RabbitMQ's own and differ between versions; the differences are kept
here. Metadata is read without asking the queue's process where that will do, so that a queue
whose node is gone still has a row. Texts of users never become Erlang source: they are passed as
lists of bytes.
"""

VIEW = """
begin
  Peers = [node() | nodes()],
  Answers = erpc:multicall(Peers, rabbit, is_running, [], 1500),
  Partitions = try rabbit_node_monitor:partitions() catch _:_ -> [] end,
  Alarms = try rabbit_alarm:get_alarms() catch _:_ -> [] end,
  iolist_to_binary(rabbit_json:encode(#{
    serving => rabbit:is_running(),
    seen => nodes(),
    running => [Peer || {Peer, {ok, true}} <- lists:zip(Peers, Answers)],
    partitions => Partitions,
    alarms => [[Kind, Node] || {{resource_limit, Kind, Node}, _} <- Alarms]
  }))
end
"""
"""A node's own view: whom it sees, who runs, partitions that it noticed, alarms in force."""

MIRRORED_BELOW = (4, 0)
"""Before this version classic queues may be mirrored."""

_MIRRORS = """
      {[node(Pid) || Pid <- amqqueue:get_slave_pids(Queue)],
       [node(Pid) || Pid <- amqqueue:get_sync_slave_pids(Queue)]}
"""


def binary(text: str) -> str:
    """Return an Erlang binary with exactly this text."""
    return f"<<{','.join(str(byte) for byte in text.encode())}>>"


def under_policy(vhost: str, policy: str) -> str:
    """Return the question for the names of the queues for which a policy is in force."""
    return f"""
begin
  Names = [element(4, amqqueue:get_name(Queue)) || Queue <- rabbit_amqqueue:list({binary(vhost)}),
           rabbit_policy:name(Queue) =:= {binary(policy)}],
  iolist_to_binary(rabbit_json:encode(Names))
end
"""


def queues(vhost: str, version: tuple[int, int]) -> str:
    """Return the question for every queue's type, leader, members, and those in step."""
    mirrors = _MIRRORS if version < MIRRORED_BELOW else "{[], []}"
    return f"""
begin
  Lists = fun(Mirrors) when is_list(Mirrors) -> Mirrors; (_) -> [] end,
  Members = fun(#{{nodes := Map}}) when is_map(Map) -> maps:keys(Map);
               (#{{nodes := List}}) -> List; (_) -> [] end,
  Row = fun(Queue) ->
    {{resource, _, queue, Name}} = amqqueue:get_name(Queue),
    case amqqueue:get_type(Queue) of
      rabbit_quorum_queue ->
        {{Cluster, Home}} = amqqueue:get_pid(Queue),
        Leader = case ra_leaderboard:lookup_leader(Cluster) of
          {{_, Node}} -> Node; _ -> Home end,
        Online = try rabbit_amqqueue:info(Queue, [online]) of
          [{{online, Nodes}}] -> Nodes catch _:_ -> [] end,
        #{{name => Name, type => quorum, leader => Leader, in_step => Lists(Online),
           members => Members(amqqueue:get_type_state(Queue))}};
      rabbit_classic_queue ->
        Home = amqqueue:qnode(Queue),
        {{Mirrors, Synchronised}} = {mirrors},
        #{{name => Name, type => classic, leader => Home,
           members => [Home | Mirrors], in_step => [Home | Synchronised]}};
      Other ->
        Home = amqqueue:qnode(Queue),
        #{{name => Name, type => Other, leader => Home, members => [Home], in_step => [Home]}}
    end
  end,
  Queues = rabbit_amqqueue:list({binary(vhost)}),
  iolist_to_binary(rabbit_json:encode([Row(Queue) || Queue <- Queues]))
end
"""


def counts(vhost: str) -> str:
    """Return the question for each queue's messages: all of them, and those unacknowledged.

    A quorum queue's leader is asked: the broker's own list of queues shows figures that are up
    to five seconds old. A queue that cannot answer has a reason instead of figures.
    """
    return f"""
begin
  Figures = fun(Queue) ->
    case amqqueue:get_type(Queue) of
      rabbit_quorum_queue ->
        Query = {{rabbit_fifo, overview, []}},
        {{ok, {{_, Overview}}, _}} = ra:leader_query(amqqueue:get_pid(Queue), Query, 4000),
        #{{num_messages := All, num_checked_out := Unacknowledged}} = Overview,
        [All, Unacknowledged];
      _ ->
        [{{_, All}}, {{_, Unacknowledged}}] =
          rabbit_amqqueue:info(Queue, [messages, messages_unacknowledged]),
        [All, Unacknowledged]
    end
  end,
  Row = fun(Queue) ->
    {{resource, _, queue, Name}} = amqqueue:get_name(Queue),
    try [All, Unacked] = Figures(Queue), true = is_integer(All), true = is_integer(Unacked),
      #{{name => Name, total => All, unacknowledged => Unacked}}
    catch Class:Reason ->
      #{{name => Name, reason => iolist_to_binary(io_lib:format("~p: ~0P", [Class, Reason, 12]))}}
    end
  end,
  Queues = rabbit_amqqueue:list({binary(vhost)}),
  iolist_to_binary(rabbit_json:encode([Row(Queue) || Queue <- Queues]))
end
"""


def consumers(vhost: str) -> str:
    """Return the question for every consumer of a virtual host."""
    return f"""
begin
  Row = fun(Info) ->
    {{resource, _, queue, Name}} = proplists:get_value(queue_name, Info),
    #{{queue => Name, tag => proplists:get_value(consumer_tag, Info),
       node => node(proplists:get_value(channel_pid, Info)),
       manual => proplists:get_value(ack_required, Info),
       prefetch => proplists:get_value(prefetch_count, Info)}}
  end,
  iolist_to_binary(rabbit_json:encode([Row(Info) ||
    Info <- rabbit_amqqueue:consumers_all({binary(vhost)})]))
end
"""


def transfer_quorum(vhost: str, queue: str, erlang_node: str) -> str:
    """Return the order to give a quorum queue's leadership to a node."""
    return f"""
begin
  {{ok, Queue}} = rabbit_amqqueue:lookup(
    rabbit_misc:r({binary(vhost)}, queue, {binary(queue)})),
  {{Cluster, Home}} = amqqueue:get_pid(Queue),
  Leader = case ra_leaderboard:lookup_leader(Cluster) of
    {{_, _}} = Known -> Known; _ -> {{Cluster, Home}} end,
  ra:transfer_leadership(Leader, {{Cluster, '{erlang_node}'}})
end
"""


def transfer_mirrored(vhost: str, queue: str, erlang_node: str) -> str:
    """Return the order to make a mirrored queue's mirror on a node its leader.

    The broker drops every other replica, waits for the promotion, and adds mirrors by the policy
    again; the messages survive because the caller made sure that this mirror was in step.
    """
    return f"""
begin
  {{ok, Queue}} = rabbit_amqqueue:lookup(
    rabbit_misc:r({binary(vhost)}, queue, {binary(queue)})),
  rabbit_mirror_queue_misc:transfer_leadership(Queue, '{erlang_node}')
end
"""


def mirrored_answers(vhost: str, queue: str) -> str:
    """Return the question, to a mirror's node, whether it and its leader can take an order now.

    A leader that waits for a mirror, and a mirror that ends in a crash and prints its state first,
    which takes a minute and more on 3.10.8, are both still listed as in step. The leader is asked
    for a figure; the mirror, which answers no question, is looked at: one that could take an order
    waits for a message.
    """
    return f"""
begin
  {{ok, Queue}} = rabbit_amqqueue:lookup(
    rabbit_misc:r({binary(vhost)}, queue, {binary(queue)})),
  Waits = [Pid || Pid <- amqqueue:get_slave_pids(Queue), node(Pid) =:= node(),
    case process_info(Pid, current_function) of
      {{_, {{gen_server2, _, _}}}} -> true; {{_, {{erlang, hibernate, _}}}} -> true; _ -> false
    end],
  Leader = (catch gen_server2:call(amqqueue:get_pid(Queue), {{info, [messages]}}, 2000)),
  case {{Waits, Leader}} of {{[_], {{ok, _}}}} -> true; _ -> false end
end
"""


def synchronise_mirrors(vhost: str, queue: str) -> str:
    """Return the order to bring a mirrored queue's mirrors into step, whatever its policy says."""
    return f"""
begin
  {{ok, Queue}} = rabbit_amqqueue:lookup(
    rabbit_misc:r({binary(vhost)}, queue, {binary(queue)})),
  rabbit_amqqueue:sync_mirrors(amqqueue:get_pid(Queue))
end
"""


def vhost_alive_everywhere(vhost: str) -> str:
    """Return the question whether every node that the asked one sees serves a virtual host."""
    return (
        "lists:all(fun(Answer) -> Answer =:= {ok, true} end, erpc:multicall([node() | nodes()], "
        f"rabbit_vhost_sup_sup, is_vhost_alive, [{binary(vhost)}], 3000))"
    )


MEMBERS = """
begin
  Members = try rabbit_nodes:list_members() catch error:undef -> rabbit_nodes:all() end,
  iolist_to_binary(rabbit_json:encode(Members))
end
"""
"""The nodes that belong to the cluster as the asked one has it, whether they run or not."""

VHOSTS = "iolist_to_binary(rabbit_json:encode(rabbit_vhost:list_names()))"
"""The names of every virtual host."""


def delete_vhost(vhost: str, username: str) -> str:
    """Return the order to delete a virtual host with all that is in it."""
    name = binary(vhost)
    return (
        f"case rabbit_vhost:exists({name}) of "
        f"true -> rabbit_vhost:delete({name}, {binary(username)}); false -> ok end"
    )


def purge(vhost: str, queue: str) -> str:
    """Return the order to drop what is ready in a queue; it answers with how many these were."""
    return f"""
begin
  {{ok, Queue}} = rabbit_amqqueue:lookup(
    rabbit_misc:r({binary(vhost)}, queue, {binary(queue)})),
  {{ok, Count}} = rabbit_amqqueue:purge(Queue),
  integer_to_binary(Count)
end
"""
