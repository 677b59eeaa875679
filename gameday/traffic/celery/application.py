"""The Celery application: one task that stands for an evaluation, wired to either broker.

What a message carries decides how its evaluation ends, so that both brokers get the same work:
well, with one failure before, with a failure for good (a dead letter where the broker has them),
or not before its time limit. A timed-out evaluation is no failed one: it returns the status
`timeout` and is told on its own channel.
"""

import importlib
import sys
import time
from pathlib import Path
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded
from celery import Celery
from celery.exceptions import Reject
from kombu import Exchange, Queue

from gameday.errors import HarnessError, UsageError
from gameday.traffic.celery.job import Job
from gameday.traffic.celery.wiring import TIMEOUTS, Wiring

EVALUATE = "gameday.evaluate"
TIMED_OUT = "timeout"
RETRY_IN_S = 0.2
HANGS_S = 30.0


def application(job: Job, wiring: Wiring) -> Celery:
    """Return the application on a broker: ours, or a user's own under a wiring of ours."""
    if not job.app:
        app = Celery("gameday", set_as_current=True)
        _declare(app)
    else:
        app = load_app(job.app)
    app.conf.update(wiring.scratch() if job.app else wiring.settings())
    if app.conf.broker_write_url != ";".join(wiring.urls):
        raise HarnessError("the application would send to another broker than ours: refused")
    return app


def load_app(name: str) -> Celery:
    """Import a user's application by `module:app`."""
    found = load_object("--app", name)
    if not isinstance(found, Celery):
        raise UsageError(f"--app {name} is no Celery application but {type(found).__name__}.")
    found.loader.import_default_modules()
    found.finalize()
    return found


def load_object(option: str, name: str) -> Any:
    """Import what `module:name` names, from the folder that we are in, as Celery's command does."""
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise UsageError(f"{option} {name}: write it as module:name.")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"{option} {name}: cannot be imported ({error}); run from its folder."
        ) from error


def _declare(app: Celery) -> None:
    @app.task(name=EVALUATE, bind=True, max_retries=3)
    def evaluate(task: Any, evaluation_id: str, service_ms: int, ends: str) -> dict[str, Any]:
        """Evaluate: take the time that it takes, and end as the message says."""
        try:
            time.sleep(HANGS_S if ends == "timed_out" else service_ms / 1000)
        except SoftTimeLimitExceeded:
            _tell_timeout(task.app, evaluation_id, task.request)
            return {"evaluation_id": evaluation_id, "status": TIMED_OUT}
        if ends == "retried" and task.request.retries == 0:
            raise task.retry(countdown=RETRY_IN_S)
        if ends == "failing":
            raise Reject("the evaluation failed for good", requeue=False)
        return {"evaluation_id": evaluation_id, "status": "completed"}


def _tell_timeout(app: Celery, evaluation_id: str, request: Any) -> None:
    """Publish the event on its own channel, with the identity of the message that it ends."""
    queue = Queue(TIMEOUTS, Exchange(""), routing_key=TIMEOUTS, no_declare=True)
    headers = {k: v for k, v in request.headers.items() if k.startswith("x-gameday")}
    event = {"evaluation_id": evaluation_id, "status": TIMED_OUT}
    with app.producer_or_acquire() as producer:
        producer.publish(
            event, exchange="", routing_key=queue.name, headers=headers, serializer="json",
            delivery_mode=2,
        )  # fmt: skip
