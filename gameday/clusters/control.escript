%% The control process: one hidden Erlang node that evaluates expressions on the cluster's nodes.
%%
%% It reads one request a line, `<id> <node> <limit_ms> <base64 of an expression>`, and answers
%% `<id> ok|error <base64 of the value's text>`, each request in a process of its own. It listens
%% on nothing and ends when its input does, so it never outlives whoever started it.
%%! -hidden

main([Name]) ->
    Options = #{name_domain => shortnames, dist_listen => false, hidden => true},
    {ok, _} = net_kernel:start(list_to_atom(Name), Options),
    io:put_chars("ready ok \n"),
    loop().

loop() ->
    case io:get_line("") of
        Line when is_list(Line) ->
            spawn(fun() -> serve(string:lexemes(Line, " \n")) end),
            loop();
        _ ->
            halt(0)
    end.

serve([Id, Node, Limit, Encoded]) ->
    {Status, Text} =
        try
            {ok, evaluate(list_to_atom(Node), list_to_integer(Limit), base64:decode(Encoded))}
        catch
            Class:Reason -> {error, io_lib:format("~0tp: ~0tP", [Class, Reason, 40])}
        end,
    Binary = unicode:characters_to_binary(Text),
    io:put_chars([Id, " ", atom_to_list(Status), " ", base64:encode(Binary), "\n"]).

evaluate(Node, Limit, Source) ->
    {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Source)),
    {ok, Expressions} = erl_parse:parse_exprs(Tokens),
    {value, Value, _} = erpc:call(Node, erl_eval, exprs, [Expressions, []], Limit),
    case is_binary(Value) of
        true -> Value;
        false -> io_lib:format("~0tp", [Value])
    end.
