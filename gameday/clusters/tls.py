"""A cluster that speaks nothing but TLS: to clients, on its management API, between its nodes.

Clients and the management API verify the node's certificate by the test authority (`authority.py`)
and its name; nodes and tools verify each other's, both ways. There is no port without TLS.
"""

from dataclasses import replace
from pathlib import Path

from gameday.clusters.authority import AUTHORITY, CONTROL, EXPIRED, EXPIRED_NAME, issue_all
from gameday.clusters.ports import LOOPBACK
from gameday.clusters.record import ClusterRecord
from gameday.clusters.record import replace as write
from gameday.clusters.settings import BrokerSettings


def folder_of(record: ClusterRecord) -> Path:
    """Return where a cluster's certificates are."""
    return record.folder / "tls"


def authority_of(record: ClusterRecord) -> str | None:
    """Return the file of the authority by which clients know the cluster; none without TLS."""
    return str(folder_of(record) / f"{AUTHORITY}.pem") if record.tls else None


def prepare(record: ClusterRecord) -> None:
    """Issue the certificates, and write what nodes and tools need to speak TLS to each other."""
    folder = folder_of(record)
    issue_all(folder, record.node_count)
    for title in (*(f"r{number}" for number in range(1, record.node_count + 1)), CONTROL):
        write(_between(record, title), _distribution(record, title))


def listener_lines(record: ClusterRecord, number: int) -> list[str]:
    """Return the lines of `rabbitmq.conf` by which a node listens; none without TLS."""
    if not record.tls:
        return []
    return [
        "listeners.tcp = none",
        f"listeners.ssl.1 = {LOOPBACK}:{record.ports.amqp(number)}",
    ]


def node_settings(record: ClusterRecord, number: int) -> BrokerSettings:
    """Return the contract's settings with what a node needs for TLS added to them.

    Listeners' options stand in `advanced.config`, since `rabbitmq.conf` has no key for a second
    certificate: under the name of the expired one a node shows that, so that it can be refused.
    """
    settings = record.settings
    if not record.tls:
        return settings
    expired = f'{{"{EXPIRED_NAME}", [{_pair(record, EXPIRED)}]}}'
    options = (
        f'{{cacertfile, "{_file(record, AUTHORITY, "pem")}"}}, {_pair(record, f"r{number}")}, '
        f"{{verify, verify_none}}, {{fail_if_no_peer_cert, false}}, {{sni_hosts, [{expired}]}}"
    )
    api = f'{{ip, "{LOOPBACK}"}}, {{port, {record.ports.management(number)}}}'
    own = (
        f"{{rabbit, [{{ssl_options, [{options}]}}]}},\n"
        f"{{rabbitmq_management, [{{ssl_config, [{api}, {options}]}}]}}"
    )
    return replace(
        settings,
        advanced=",\n".join(each for each in (settings.advanced.strip().rstrip(","), own) if each),
        erlang_arguments=(*settings.erlang_arguments, *erlang_words(record, f"r{number}")),
    )


def erlang_words(record: ClusterRecord, title: str) -> tuple[str, ...]:
    """Return what makes an Erlang node or tool speak TLS to its peers; nothing without TLS."""
    if not record.tls:
        return ()
    path = record.inside(_between(record, title))
    return ("-proto_dist", "inet_tls", "-ssl_dist_optfile", path)


def _between(record: ClusterRecord, title: str) -> Path:
    return folder_of(record) / f"{title}.links"


def _distribution(record: ClusterRecord, title: str) -> str:
    """Return the options of both ends of a link: each shows a certificate and verifies one."""
    both = (
        f'{{cacertfile, "{_file(record, AUTHORITY, "pem")}"}}, {_pair(record, title)}, '
        "{verify, verify_peer}"
    )
    return f"[{{server, [{both}, {{fail_if_no_peer_cert, true}}]}}, {{client, [{both}]}}].\n"


def _pair(record: ClusterRecord, title: str) -> str:
    certificate, key = _file(record, title, "pem"), _file(record, title, "key")
    return f'{{certfile, "{certificate}"}}, {{keyfile, "{key}"}}'


def _file(record: ClusterRecord, title: str, suffix: str) -> str:
    """Return a file's path as the broker's processes see it."""
    return record.inside(folder_of(record) / f"{title}.{suffix}")
