"""The checks of routes, chains, ladders and patience: each damage is seen by the one it is for."""

from tests.fake_chain import CRITERIA, written
from tests.mutants import damage_chain
from tests.mutants.family import Claim, Family

CHAIN = {
    "go_astray": Claim("routed", "fail", "(Done) was seen in work"),
    "send_no_answers": Claim("routed", "unknown", "0 of Done were seen"),
    "change_a_correlation_on_the_way": Claim("correlation", "fail", "another correlation id"),
    "begin_a_chain_anew": Claim("correlation", "fail", "left the chain"),
    "share_one_correlation": Claim("correlation", "fail", "an id of their own"),
    "come_back_too_soon": Claim("ladder", "fail", "before its 2000 ms"),
    "come_back_too_late": Claim("ladder", "fail", "came back late from work.retry.1"),
    "skip_a_step": Claim("ladder", "fail", "for another try"),
    "give_up_before_the_last_step": Claim("ladder", "fail", "before its last step"),
    "lose_an_exhausted_one": Claim("ladder", "fail", "is in no DLQ"),
    "give_up_a_publish_too_soon": Claim("publish_timeout", "fail", "given up too soon"),
    "give_up_a_publish_too_late": Claim("publish_timeout", "fail", "given up too late"),
    "tell_nobody": Claim("publish_timeout", "fail", "nobody was told"),
    "hurry_to_reconnect": Claim("reconnects", "fail", "paused 2.0 s"),
    "try_once_more": Claim("reconnects", "fail", "made try number 4"),
    "tell_before_the_last_try": Claim("reconnects", "fail", "not after a last try"),
    "refuse_at_once": Claim("reconnects", "fail", "before the pool had made its tries"),
    "take_it_too_soon": Claim("consumer_timeout", "fail", "taken away too soon"),
    "leave_it_with_the_hung": Claim("consumer_timeout", "fail", "was held longer"),
    "give_it_to_nobody": Claim("consumer_timeout", "fail", "given to nobody"),
    "handle_slowly": Claim("performance", "fail", "1 % took over"),
    "handle_few": Claim("performance", "fail", "a second were handled"),
    "eat_memory": Claim("performance", "fail", "98% of its memory limit"),
    "never_weigh_memory": Claim("performance", "unknown", "never sampled"),
}
FAMILY = Family(
    damage_chain,
    CHAIN,
    written,
    CRITERIA,
    beside=("loss", "dead_letters"),
    quiet=tuple(set(CRITERIA) - {"routed", "consumer_timeout"}),
)
