"""A contract like sparki's, for the in-memory broker: two kinds of queues, two DLQs, all checks.

It is built in code so that the checker's tests depend on no file of the contracts room. It claims
every check once, so that a mutant of any kind meets the check which claims to see it.
"""

from typing import Any

from gameday.contracts.model import (
    Binding,
    Consumer,
    Contract,
    Criterion,
    Exchange,
    MessageType,
    Mix,
    Policy,
    Producer,
    Queue,
    Requirement,
    Topology,
)

PHASES = ["baseline", "fault", "recovery"]

CRITERIA: dict[str, dict[str, Any]] = {
    "topology": {},
    "loss": {},
    "dead_letters": {"queues": ["builds", "deployments"], "least": {"rejected": 3}},
    "order": {},
    "inversions": {"queues": ["builds"]},
    "sla": {"queue": "builds", "priority_from": 8, "limit_ms": 5000, "phases": PHASES},
    "recovery": {"limit_s": 10.0},
    "blocked": {"limit_s": 5.0},
    "properties": {},
    "prefetch": {"consumer": "build-worker", "limit": 10},
    "attempts": {},
    "pool": {"producer": "build-service", "connections": 10, "heartbeat_s": 60, "limit_s": 10.0},
    "members": {"replicas": 3},
    "health": {},
    "schemas": {},
    "duplicates_flag": {},
    "effectiveness": {"queue": "builds", "priority_from": 6, "reduction": 0.15},
    "starvation": {"queue": "builds", "limit_s": 8},
    "in_progress": {"consumer": "mailer", "at_once": 2, "for_s": 2},
    "boots": {},
}
BUSY_PER_S = 18.0
"""From this rate on enough goes on at once for `in_progress` to be asked for."""


def _queues() -> tuple[Queue, ...]:
    dead = {
        "x-dead-letter-exchange": "dlx",
        "x-dead-letter-routing-key": "deployments.failed",
    }
    return (
        Queue(
            name="builds",
            type="classic",
            arguments={
                "x-max-priority": 10,
                "x-dead-letter-exchange": "dlx",
                "x-dead-letter-routing-key": "builds.failed",
            },
        ),
        Queue(name="deployments", type="quorum", arguments=dead),
        Queue(name="notifications", type="quorum"),
        Queue(name="builds.failed", type="classic"),
        Queue(name="deployments.failed", type="quorum"),
    )


def _topology() -> Topology:
    names = ("builds.failed", "deployments.failed")
    return Topology(
        exchanges=(Exchange(name="dlx", type="topic"),),
        queues=_queues(),
        bindings=tuple(Binding(exchange="dlx", queue=name, routing_key=name) for name in names),
        policies=(
            Policy(
                name="ha-all",
                pattern="^builds",
                apply_to="queues",
                definition={"ha-mode": "all"},
                until="4.0",
            ),
        ),
    )


def _producers(scale: float) -> tuple[Producer, ...]:
    mix = Mix(transient=0.05, exhausted=0.02, permanent=0.03)
    mixed = dict.fromkeys(range(11), 1.0)
    return (
        Producer(
            name="build-service", message="build_job", routing_key="builds",
            rate_per_s=60 * scale, priorities=mixed, surge=80, mix=mix,
        ),
        Producer(
            name="deployment-publisher", message="deployment_notification",
            routing_key="deployments", rate_per_s=25 * scale, surge=80, mix=mix,
        ),
        Producer(
            name="notifier", message="deployment_notification", routing_key="notifications",
            rate_per_s=15 * scale,
        ),
    )  # fmt: skip


def _consumers(service_ms: float) -> tuple[Consumer, ...]:
    names = {"build-worker": "builds", "deployer": "deployments"}
    return (
        *(
            Consumer(name=name, queue=queue, workers=2, service_ms=service_ms)
            for name, queue in names.items()
        ),
        Consumer(
            name="mailer", queue="notifications", workers=2, service_ms=1500,
            prefetch=20, parallel=20,
        ),
    )  # fmt: skip


def contract(rate_per_s: float = 100.0) -> Contract:
    """Return the contract, its load scaled to a total rate and its workers to about 60 % of it."""
    service_ms = min(20.0, 2 * 0.6 * 1000 / (0.6 * rate_per_s))
    return Contract(
        system="sparki",
        title="Build and deployment queues",
        topology=_topology(),
        messages=(
            MessageType(name="build_job", schema={"type": "object"}),
            MessageType(name="deployment_notification", schema={"type": "object"}),
        ),
        producers=_producers(rate_per_s / 100),
        consumers=_consumers(service_ms),
        requirements=tuple(
            Requirement(
                id=f"sparki-{number:02d}",
                statement=f"What the check `{name}` holds.",
                criteria=(Criterion(check=name, parameters=parameters),),
                suites=("smoke",),
            )
            for number, (name, parameters) in enumerate(CRITERIA.items(), start=1)
            if name != "in_progress" or rate_per_s >= BUSY_PER_S
        ),
    )
