"""A user's own application on both brokers: its tasks run there, and nowhere near its own."""

import sys
from pathlib import Path

import pytest
from migration_stand import small_stand

from gameday.history.migration.tasks import Fate
from gameday.traffic.celery.job import Load
from scenarios.migration.legs import play_leg
from scenarios.migration.own import RABBITMQ_OWN, REDIS_OWN, own_application
from scenarios.migration.plans import LegPlan

pytestmark = [pytest.mark.live, pytest.mark.nightly]

APP = """
import os
from celery import Celery
from kombu import Queue

app = Celery("shop", broker="amqp://127.0.0.1:1//", backend="redis://127.0.0.1:1/0")
app.conf.task_acks_late = True
app.conf.worker_prefetch_multiplier = 2
arguments = {"x-max-priority": 10}
app.conf.task_queues = [Queue("orders", routing_key="orders", queue_arguments=arguments)]
app.conf.task_default_queue = "orders"

RABBITMQ = {"broker_transport_options": {"confirm_publish": True}}

@app.task
def add(first, second):
    with open(os.environ["SHOP_FILE"], "a") as file:
        file.write(f"{first + second}\\n")
"""


def test_its_tasks_run_on_both_brokers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each task that was sent ran once with its arguments, from the queue that it is set to."""
    (tmp_path / "shop_of_a_live_test.py").write_text(APP, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("SHOP_FILE", str(tmp_path / "sums"))
    monkeypatch.setenv("CELERY_BROKER_URL", "amqp://127.0.0.1:1//")
    module = "shop_of_a_live_test"
    own = own_application(
        f"{module}:app", [f"{module}.add=[20, 22]"], None, f"{module}:RABBITMQ"
    )  # fmt: skip
    load = Load(10.0, 3.0, 5)

    with small_stand(tmp_path, own) as played:
        for row in (REDIS_OWN, RABBITMQ_OWN):
            plan = LegPlan(row.id, "light", load, 1, 4)
            played.legs.append(play_leg(played.stand, plan))
        found = played.judge()

    assert found.problems == ()
    sent = 0
    for leg in found.legs:
        tasks = found.tasks[leg.id]
        queues = {queue for queue in tasks.history.queues if queue}
        sent += len(tasks)
        assert not leg.evidence.get("failed")
        assert len(tasks) > 15
        assert leg.prefetch == 8
        assert (tasks.fate == Fate.DONE).all()
        assert "orders" in queues
    assert (tmp_path / "sums").read_text().split() == ["42"] * sent
