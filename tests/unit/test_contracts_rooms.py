"""The contract's words are those of the rooms that act on them."""

from typing import get_args

from gameday.clusters.cluster import ALL_POWERS
from gameday.contracts.model import CheckName, Power
from gameday.contracts.parameters import PARAMETERS
from gameday.history.checks import CHECKS


def test_every_check_that_a_contract_may_name_exists() -> None:
    """A criterion that loads has a check that judges it, and the other way round."""
    assert list(get_args(CheckName)) == list(CHECKS) == list(PARAMETERS)


def test_every_power_that_a_requirement_may_need_is_a_cluster_s() -> None:
    """A requirement cannot wait for a power that no cluster knows."""
    assert set(get_args(Power)) == ALL_POWERS
