"""The damages to the network, and the check that each is for."""

from tests.fake_isolation import CRITERIA, written
from tests.mutants import damage_isolation
from tests.mutants.family import Claim, Family

ISOLATION = {
    "leave_a_hole": Claim("isolation", "fail", "outside to amqp (5672)"),
    "forget_ipv6": Claim("isolation", "fail", "over IPv6 got through"),
    "get_through_without_a_word": Claim("isolation", "fail", "shop to metrics"),
    "listen_where_nobody_declared": Claim("isolation", "fail", "port 1883"),
    "bind_management_everywhere": Claim("isolation", "fail", "management (15672)"),
    "shut_out_the_shop": Claim("isolation", "fail", "silent with the rules, open without"),
    "open_without_an_answer": Claim("isolation", "fail", "mute with the rules"),
    "be_deaf_before": Claim("isolation", "unknown", "was not up"),
    "die_meanwhile": Claim("isolation", "unknown", "after the probes"),
    "have_no_route": Claim("isolation", "unknown", "closed without the rules, too"),
    "skip_a_zone": Claim("isolation", "unknown", "from outside"),
    "skip_ipv6": Claim("isolation", "unknown", "over IPv6"),
    "open_no_zones": Claim("isolation", "unknown", "no zones were opened"),
    "detect_without_rules": Claim("isolation_detected", "fail", "there are no rules"),
    "enforce_nothing": Claim("isolation_detected", "unknown", "not enforced here"),
    "leave_processes": Claim("left_as_it_was", "fail", "process 4711"),
    "warn_afterwards": Claim("left_as_it_was", "fail", "was not said before"),
    "promise_too_little": Claim("left_as_it_was", "fail", "300 MiB"),
    "leave_forwarding_on": Claim("left_as_it_was", "unknown", "forwarding"),
}
FAMILY = Family(damage_isolation, ISOLATION, written, CRITERIA, quiet=tuple(CRITERIA))
