"""An administrator at work: definitions imported, a plugin disabled, a feature flag enabled."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from chaos_stand import healthy, steps_of, undone_by_another
from conftest import named_broker
from shop_stand import arrives, counted

from chaos import probes
from chaos.administration import DisablePlugin, EnableFeature, ImportDefinitions
from chaos.fault import Site
from chaos.journal import FILE_NAME, Journal
from gameday.clusters.local import LocalCluster, local_cluster
from gameday.clusters.settings import BrokerSettings
from gameday.errors import HarnessError

pytestmark = pytest.mark.live

PLUGINS = ("rabbitmq_management", "rabbitmq_prometheus")
HELD_BACK = {"3.10": "user_limits", "4.3": "track_qq_members_uids"}
"""By version, a feature flag that a node can be started without."""


def test_imported_definitions_are_there_and_then_gone(own: Site) -> None:
    """All queues of the import are known and empty, others work on; afterwards none is left."""
    before = counted(own)
    with ImportDefinitions(count=30).inject(own):
        assert len(counted(own)) == len(before) + 30
        assert arrives(own, "order.placed", "r3")

    assert counted(own).keys() == before.keys()
    healthy(own)


@pytest.mark.nightly
def test_an_import_is_taken_back_by_whoever_has_the_journal(own: Site) -> None:
    """Another process removes exactly what was imported."""
    before = counted(own)
    undone_by_another(ImportDefinitions(count=10), own)

    assert counted(own).keys() == before.keys()
    with pytest.raises(HarnessError, match="is there already"):
        ImportDefinitions("shop", count=1).inject(own).__enter__()


@contextmanager
def one_node(settings: BrokerSettings, broker: str | None, folder: Path) -> Iterator[Site]:
    """Run a node of a cluster of its own, with settings that the session's has not."""
    with local_cluster(settings, broker=broker, state_dir=folder / "state", nodes=1) as cluster:
        yield Site(cluster, Journal(folder / FILE_NAME)).for_episode("e1", 10)


def scraped(cluster: LocalCluster) -> str:
    """Greet the port of the metrics."""
    port = cluster.record.ports.prometheus(1)
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return "open"
    except ConnectionRefusedError:
        return "refused"


@pytest.mark.nightly
def test_a_disabled_plugin_is_enabled_again(tmp_path: Path) -> None:
    """Its port refuses while AMQP is answered; then it listens again, and the file is as before.

    Whoever has the journal can enable it too, and what the run heals by cannot be disabled.
    """
    with one_node(BrokerSettings(plugins=PLUGINS), named_broker(), tmp_path) as site:
        before = (site.cluster.record.folder / "enabled_plugins").read_text().split()
        assert scraped(site.cluster) == "open"
        with DisablePlugin().inject(site):
            assert scraped(site.cluster) == "refused"
            assert probes.greet(site.cluster.addresses("r1").direct) == probes.ANSWERED

        assert scraped(site.cluster) == "open"
        healthy(site)
        undone_by_another(DisablePlugin(), replace(site, journal=Journal(tmp_path / "again.jsonl")))
        assert scraped(site.cluster) == "open"
        after = (site.cluster.record.folder / "enabled_plugins").read_text().split()
        assert "".join(after) == "".join(before)
        with pytest.raises(HarnessError, match="it stays"):
            DisablePlugin("rabbitmq_management").inject(site).__enter__()


@pytest.mark.nightly
def test_an_enabled_feature_flag_stays(tmp_path: Path) -> None:
    """A flag that a node was started without is enabled, by the command line's own list."""
    version = "4.3" if named_broker() else "3.10"
    flag = HELD_BACK[version]
    with one_node(BrokerSettings(), named_broker(), tmp_path) as site:
        listed = site.cluster.ctl("r1", "list_feature_flags", "name", "state").splitlines()
        names = [line.split("\t")[0] for line in listed if "\tenabled" in line]
    kept = ",".join(f"'{name}'" for name in names if name != flag)
    settings = BrokerSettings(advanced=f"{{rabbit, [{{forced_feature_flags_on_init, [{kept}]}}]}}")
    with one_node(settings, named_broker(), tmp_path / "without") as site:
        listed = site.cluster.ctl("r1", "list_feature_flags", "name", "state")
        assert f"{flag}\tdisabled" in listed
        with EnableFeature(flag).inject(site):
            listed = site.cluster.ctl("r1", "list_feature_flags", "name", "state")
            assert f"{flag}\tenabled" in listed

        healthy(site)
        again = replace(site, journal=Journal(tmp_path / "again.jsonl"))
        with pytest.raises(HarnessError, match="enabled already"):
            EnableFeature(flag).inject(again).__enter__()
        assert steps_of(again) == []
