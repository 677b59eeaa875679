"""Rules of nftables from a Kubernetes NetworkPolicy, so that the policy itself can be tried.

Every NetworkPolicy of the file is taken for one of the broker's pod, and their `ingress` rules add
up. A zone stands for pods: its `namespace`, which is its name if the contract gives none, and its
`labels`. What cannot be said in zones, such as an `ipBlock`, is refused with a sentence and never
quietly left out. Only what the policy lets in is looked at; `egress` is not.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from gameday.clusters.zones.layout import Layout
from gameday.clusters.zones.rules import accept, ruleset
from gameday.contracts.isolation import PLACES, PORTS, Isolation, Zone
from gameday.errors import UsageError

NAMESPACE_LABEL = "kubernetes.io/metadata.name"
"""The label that Kubernetes itself gives every namespace: its name."""
EVERY_PORT = "1-65535"

Json = Mapping[str, Any]


def rules_of_policies(text: str, isolation: Isolation, plan: Layout, where: str) -> str:
    """Return the rules that the policies of a YAML file amount to."""
    policies = list(_policies(text, where))
    if not any("Ingress" in _types(each["spec"]) for each in policies):
        raise UsageError(
            f"{where}: no NetworkPolicy of type Ingress in it; it would isolate nothing."
        )
    accepted: list[str] = []
    for policy in policies:
        home = _text(policy.get("metadata", {}).get("namespace"), where) or "default"
        for rule in policy["spec"].get("ingress") or []:
            ports = list(_ports(rule.get("ports") or [], where))
            for zone in isolation.zones:
                if _lets_in(rule, zone, home, where):
                    for place in PLACES:
                        accepted += accept(plan, zone.name, place, ports)
    return ruleset(list(dict.fromkeys(accepted)))


def _policies(text: str, where: str) -> Iterator[Json]:
    """Every NetworkPolicy of the file; other kinds are somebody else's."""
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        raise UsageError(f"{where}: it is no YAML ({' '.join(str(error).split())}).") from error
    for each in documents:
        if isinstance(each, dict) and each.get("kind") == "NetworkPolicy":
            if not isinstance(each.get("spec"), dict):
                raise UsageError(f"{where}: a NetworkPolicy without spec; give it one.")
            yield each


def _types(spec: Json) -> Sequence[str]:
    """Return what a policy is for; one that does not say is for what comes in, at least."""
    return spec.get("policyTypes") or ["Ingress"]


def _ports(entries: Sequence[Json], where: str) -> Iterator[str]:
    """Every port or range that a rule opens over TCP; without any, every port."""
    if not entries:
        yield EVERY_PORT
    for entry in entries:
        if entry.get("protocol", "TCP") != "TCP":
            continue
        port, last = entry.get("port"), entry.get("endPort")
        if port is None:
            yield EVERY_PORT
        elif isinstance(port, int):
            yield f"{port}-{last}" if last else str(port)
        else:
            yield str(_named(str(port), where))


def _named(name: str, where: str) -> int:
    """Return the port of a name that is one of the broker's doors."""
    for door, port in PORTS.items():
        if door == name:
            return port
    raise UsageError(
        f"{where}: port {name!r} is a name that only its pod knows; write the number, or one of "
        f"{', '.join(PORTS)}."
    )


def _lets_in(rule: Json, zone: Zone, home: str, where: str) -> bool:
    """Whether a rule takes what comes from a zone; without `from` it takes everybody."""
    peers = rule.get("from")
    return not peers or any(_is_peer(peer, zone, home, where) for peer in peers)


def _is_peer(peer: Json, zone: Zone, home: str, where: str) -> bool:
    if "ipBlock" in peer:
        raise UsageError(f"{where}: an ipBlock cannot be tried, for zones have no such addresses.")
    namespace = zone.namespace or zone.name
    spaces = peer.get("namespaceSelector")
    here = (
        namespace == home
        if spaces is None
        else _selects(spaces, {NAMESPACE_LABEL: namespace}, where)
    )
    pods = peer.get("podSelector")
    return here and (pods is None or _selects(pods, zone.labels, where))


def _selects(selector: Json, labels: Mapping[str, str], where: str) -> bool:
    """Whether a selector takes something with these labels; an empty one takes everything."""
    if any(
        labels.get(name) != value for name, value in (selector.get("matchLabels") or {}).items()
    ):
        return False
    return all(_meets(each, labels, where) for each in selector.get("matchExpressions") or [])


def _meets(expression: Json, labels: Mapping[str, str], where: str) -> bool:
    key, values = expression.get("key"), expression.get("values") or []
    has = labels.get(str(key))
    meets = {
        "In": has in values, "NotIn": has not in values,
        "Exists": has is not None, "DoesNotExist": has is None,
    }  # fmt: skip
    operator = str(expression.get("operator"))
    if operator not in meets:
        known = ", ".join(meets)
        raise UsageError(f"{where}: matchExpressions: expected {known}, found {operator!r}.")
    return meets[operator]


def _text(value: object, where: str) -> str:
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{where}: metadata.namespace: expected a name, found {value!r}.")
    return value or ""
