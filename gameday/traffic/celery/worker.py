"""A Celery worker of ours: `python -m gameday.traffic.celery.worker FOLDER NAME`.

A real worker of the one application, with the ledger in each of its processes. SIGTERM is Celery's
warm shutdown: it takes no more, ends what it holds, and gives back what it only reserved.
"""

import sys
from pathlib import Path
from typing import Any

from celery import signals

from gameday.traffic.celery.application import application
from gameday.traffic.celery.job import READY, job_from_environment
from gameday.traffic.celery.ledger import TaskLedger
from gameday.traffic.celery.recording import Effects, Recorder


def _say_ready(**_: Any) -> None:
    sys.stderr.write(f"{READY}\n")


def main(folder: Path, name: str) -> int:
    """Serve until told to stop."""
    job = job_from_environment()
    wiring = job.wiring
    app = application(job, wiring)
    ledger = TaskLedger(folder, job.run, job.scope, name, wiring.broker)
    Recorder(ledger, Effects(folder, job.scope), wiring.broker).connect()
    signals.worker_ready.connect(_say_ready, weak=False)
    arguments = [
        "worker", f"--pool={job.pool}", f"--concurrency={job.concurrency}", f"--hostname={name}@gd",
        "--without-gossip", "--without-mingle", "--loglevel=WARNING",
    ]  # fmt: skip
    app.worker_main(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
