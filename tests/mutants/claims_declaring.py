"""The damages to declarations and returns, and the check that each is for."""

from tests.fake_declaring import CRITERIA, written
from tests.mutants import damage_declaring
from tests.mutants.family import Claim, Family

DECLARING = {
    "refuse_a_declaration": Claim("declarations", "fail", "orchestrator was refused with 406"),
    "declare_only_once": Claim("declarations", "fail", "declared nothing"),
    "leave_it_to_the_consumer": Claim("declarations", "unknown", "forge declared nothing"),
    "declare_in_quiet_times_only": Claim("declarations", "unknown", "while a node was away"),
    "call_it_sent": Claim("unroutable", "fail", "counts as sent"),
    "answer_nothing": Claim("unroutable", "fail", "never came back"),
    "publish_nothing_unbound": Claim("unroutable", "unknown", "0 were published"),
    "remove_nothing": Claim("unroutable", "unknown", "no binding was removed"),
}
FAMILY = Family(
    damage_declaring,
    DECLARING,
    written,
    CRITERIA,
    beside=("loss",),
    quiet=tuple(CRITERIA),
)
