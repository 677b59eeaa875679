"""A NetworkPolicy becomes rules: what it lets in is accepted, what zones cannot say is refused."""

import re

import pytest

from gameday.clusters.zones.layout import layout
from gameday.clusters.zones.policies import rules_of_policies
from gameday.clusters.zones.rules import rules_of
from gameday.contracts.isolation import Isolation, Zone
from gameday.contracts.load import load_contract
from gameday.errors import UsageError

SPARKI = load_contract("sparki").isolation
assert SPARKI is not None
HEAD = """
kind: NetworkPolicy
metadata: {name: rabbitmq, namespace: rabbitmq}
spec:
  podSelector: {matchLabels: {app: rabbitmq}}
  policyTypes: [Ingress]
  ingress:
"""
PLAN = (
    HEAD
    + """
  - from: [{podSelector: {}}]
    ports: [{port: 25672}, {port: 4369, protocol: TCP}]
  - from:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: api-engine}}
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: deploy-loco}}
    ports: [{port: 5672}]
  - from:
    - namespaceSelector:
        matchExpressions:
        - {key: kubernetes.io/metadata.name, operator: In, values: [kong]}
    ports: [{port: management}]
  - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: prometheus}}}]
    ports: [{port: 15692}, {port: 53, protocol: UDP}]
"""
)
"""What sparki's plan lists, with 4369 besides."""


def opened(text: str, isolation: Isolation = SPARKI) -> set[tuple[str, str]]:
    """Return which zone may go to which ports, by the rules for IPv4."""
    plan = layout(isolation)
    rules = rules_of_policies(text, isolation, plan, "policy.yaml")
    zones = {plan.interface(zone): zone for zone in plan.zones}
    found = re.findall(r'iifname "(\w+)" ip saddr .*dport \{ (.*) \} accept', rules)
    return {(zones[link], port) for link, ports in found for port in ports.split(", ")}


def test_the_plan_s_policy_is_what_the_contract_declares() -> None:
    """Written as the plan lists it, the policy opens exactly what the contract opens."""
    rules = rules_of(SPARKI, layout(SPARKI))
    declared = set(re.findall(r'iifname "(\w+)" ip saddr .*dport \{ (.*) \} accept', rules))
    plan = layout(SPARKI)
    by_zone = {(zone, port) for link, ports in declared for port in ports.split(", ")
               for zone in plan.zones if plan.interface(zone) == link}  # fmt: skip

    assert opened(PLAN) == by_zone
    assert opened(PLAN) == {
        ("api-engine", "5672"), ("deploy-loco", "5672"), ("ingress", "15672"),
        ("monitoring", "15692"), ("peers", "25672"), ("peers", "4369"),
    }  # fmt: skip


def test_what_it_does_not_restrict_is_open() -> None:
    """A rule without `from` takes everybody, one without ports opens all; no rule opens nothing."""
    everybody = {zone.name for zone in SPARKI.zones}

    assert opened(HEAD + "  - ports: [{port: 5672}]\n") == {(name, "5672") for name in everybody}
    assert opened(HEAD + "  - from: [{podSelector: {}}]\n") == {("peers", "1-65535")}
    ranged = HEAD + "  - from: [{namespaceSelector: {}}]\n    ports: [{port: 1, endPort: 9}]\n"
    assert opened(ranged) == {(name, "1-9") for name in everybody}
    assert opened(HEAD.replace("ingress:", "ingress: []")) == set()


@pytest.mark.parametrize(
    ("selector", "taken"),
    [
        ("{matchLabels: {app: shop}}", True),
        ("{matchLabels: {app: other}}", False),
        ("{matchExpressions: [{key: app, operator: Exists}]}", True),
        ("{matchExpressions: [{key: app, operator: DoesNotExist}]}", False),
        ("{matchExpressions: [{key: app, operator: NotIn, values: [other]}]}", True),
    ],
)
def test_pods_are_told_by_their_labels(selector: str, taken: bool) -> None:
    """A zone's labels decide whether a selector of pods takes it."""
    zone = Zone(name="shop", holds="a shop", namespace="rabbitmq", labels={"app": "shop"})
    text = HEAD + f"  - from: [{{podSelector: {selector}}}]\n    ports: [{{port: 5672}}]\n"
    isolation = Isolation(zones=(zone,), doors=SPARKI.doors)

    assert bool(opened(text, isolation)) is taken


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "  - from: [{ipBlock: {cidr: 10.0.0.0/8}}]\n", "an ipBlock cannot be tried"),
        (HEAD + "  - ports: [{port: web}]\n", "port 'web' is a name"),
        (HEAD + "  - from: [{podSelector: {matchExpressions: [{key: a, operator: Like}]},"
         " namespaceSelector: {}}]\n", "found 'Like'"),
        ("kind: NetworkPolicy\nspec: [", "it is no YAML"),
        ("kind: NetworkPolicy\n", "without spec"),
        ("kind: Service\nspec: {}\n", "no NetworkPolicy of type Ingress"),
        ("kind: NetworkPolicy\nspec: {policyTypes: [Egress]}\n", "of type Ingress in it"),
    ],
)  # fmt: skip
def test_what_cannot_be_tried_is_refused(text: str, said: str) -> None:
    """One sentence that names the file; nothing is quietly left out."""
    with pytest.raises(UsageError) as raised:
        rules_of_policies(text, SPARKI, layout(SPARKI), "policy.yaml")

    assert str(raised.value).startswith("policy.yaml: ")
    assert said in str(raised.value)
