"""Each family of damages: every one is seen by the check that claims it, and by its doing alone."""

from copy import deepcopy
from pathlib import Path

import pytest

from tests.mutants.claims_declaring import FAMILY as DECLARING
from tests.mutants.claims_isolation import FAMILY as ISOLATION
from tests.mutants.family import Family, damages_of, loaded, plain_run
from tests.mutants.test_chain_mutants import FAMILY as CHAIN
from tests.mutants.test_outage_mutants import FAMILY as OUTAGE
from tests.mutants.test_timeout_mutants import FAMILY as TIMEOUTS
from tests.mutants.test_upgrade_mutants import FAMILY as UPGRADES
from tests.mutants.test_upgrade_mutants import ROLLED
from tests.mutants.test_worker_mutants import FAMILY as WORKERS

FAMILIES = (CHAIN, DECLARING, ISOLATION, OUTAGE, ROLLED, TIMEOUTS, UPGRADES, WORKERS)
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


@each_family
def test_every_damage_has_a_claim(family: Family) -> None:
    """No damage stands in the module without a check that claims to see it, and every check has."""
    assert damages_of(family.damages) == set(family.claims)
    assert {claim.check for claim in family.claims.values()} == set(family.criteria)


@each_family
def test_the_undamaged_run_passes(family: Family, tmp_path: Path) -> None:
    """Without a damage every check passes, so that a mutant's verdict is the damage's doing."""
    run = loaded(deepcopy(family.written()), tmp_path)

    assert run.problems == ()
    assert run.drain_complete
    findings = {check: family.make(check, run) for check in (*family.criteria, *family.beside)}
    assert {check: each.reason for check, each in findings.items()
            if each.status.name != "PASS"} == {}  # fmt: skip


@pytest.mark.parametrize(
    ("family", "name"),
    [pytest.param(family, name, id=name) for family in FAMILIES for name in family.claims],
)
def test_the_mutant_is_seen(family: Family, name: str, tmp_path: Path) -> None:
    """The check that claims this damage sees it, and names it."""
    claim, finding = family.claims[name], family.damaged(name, tmp_path)

    assert finding.status.name.lower() == claim.status, finding.reason
    assert claim.word in finding.reason
    if claim.status == "fail":
        assert finding.reason.startswith("broke ")


@pytest.mark.parametrize(
    ("family", "check"),
    [pytest.param(family, check, id=check) for family in FAMILIES for check in family.quiet],
)
def test_a_run_without_what_it_judges_is_unknown(family: Family, check: str) -> None:
    """On a run of a system that promises nothing of the kind, a check passes and fails nothing."""
    finding = family.make(check, plain_run())

    assert finding.status.name == "UNKNOWN", finding.reason
