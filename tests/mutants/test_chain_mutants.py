"""The checks of routes, chains, ladders and patience: each damage is seen by the one it is for."""

from copy import deepcopy
from pathlib import Path

import pytest

from gameday.history.checks import CHECKS, look
from gameday.history.finding import Finding
from gameday.history.run import Run, load_run
from tests.fake_chain import CRITERIA, written
from tests.fake_folder import FakeRun
from tests.fakes import simulate
from tests.mutants import damage_chain
from tests.mutants.test_mutants import Claim

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
FAMILIES = ((damage_chain, CHAIN),)


def made(check: str, run: Run) -> Finding:
    """Make a check as the fake contract asks for it."""
    return look(CHECKS[check], check, run, CRITERIA[check])


def loaded(run: FakeRun, folder: Path) -> Run:
    """Write a run, and read it back."""
    return load_run(run.write(folder / "run"))


def test_every_damage_has_a_claim() -> None:
    """No damage stands in the module without a check that claims to see it, and every check has."""
    damages = {
        name for name, value in vars(damage_chain).items()
        if callable(value) and value.__module__ == damage_chain.__name__ and name[0] != "_"
    }  # fmt: skip

    assert damages == set(CHAIN)
    assert {claim.check for claim in CHAIN.values()} == set(CRITERIA)


def test_the_undamaged_run_passes(tmp_path: Path) -> None:
    """Without a damage every check passes, so that a mutant's verdict is the damage's doing."""
    run = loaded(deepcopy(written()), tmp_path)

    assert run.problems == ()
    assert run.drain_complete
    others = {name: look(CHECKS[name], name, run, {}) for name in ("loss", "dead_letters")}
    findings = {**{check: made(check, run) for check in CRITERIA}, **others}
    assert {check: each.reason for check, each in findings.items()
            if each.status.name != "PASS"} == {}  # fmt: skip


@pytest.mark.parametrize("name", CHAIN)
def test_the_mutant_is_seen(name: str, tmp_path: Path) -> None:
    """The check that claims this damage sees it, and names it."""
    claim, run = CHAIN[name], deepcopy(written())
    getattr(damage_chain, name)(run)

    finding = made(claim.check, loaded(run, tmp_path))

    assert finding.status.name.lower() == claim.status, finding.reason
    assert claim.word in finding.reason


@pytest.mark.parametrize("check", set(CRITERIA) - {"routed", "consumer_timeout"})
def test_nothing_to_see_is_unknown(check: str, tmp_path: Path) -> None:
    """On a run without chains, ladders or timeouts, no check passes or fails."""
    finding = made(check, loaded(simulate(120, 1), tmp_path))

    assert finding.status.name == "UNKNOWN", finding.reason
