"""What tests on containers share: an engine with images, and a look that is not through our code.

Where no engine answers, or it has no images, they skip and say how to get them.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from gameday.clusters.compose_engine import Engine
from gameday.clusters.compose_images import Images, find_images
from gameday.errors import UsageError

ROOT = Path(__file__).parent.parent.parent


def images_or_skip() -> Images:
    """Return the images of the tests' broker, or skip with the way to get them."""
    try:
        return find_images(os.environ.get("GAMEDAY_TEST_IMAGE") or None, pull=False)
    except UsageError as error:
        pytest.skip(f"containers: {error.args[0].partition(':')[0]} — run with: make images")


def docker(*words: str) -> str:
    """Return what the engine's own command line says."""
    done = subprocess.run(
        ["docker", *words], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def state_of(project: str, service: str) -> dict[str, object]:
    """Return the state of one container as the engine's command line tells it."""
    name = docker(
        "ps", "--all", "--quiet", "--no-trunc",
        "--filter", f"label=com.docker.compose.project={project}",
        "--filter", f"label=com.docker.compose.service={service}",
    )  # fmt: skip
    return dict(json.loads(docker("inspect", "--format", "{{json .State}}", name)))


def left_of(project: str) -> list[str]:
    """Return the ids of all that the engine has of a project: containers, networks, volumes."""
    mine = ("--quiet", "--filter", f"label=com.docker.compose.project={project}")
    kinds = (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
    return [line for kind in kinds for line in docker(*kind, *mine).splitlines()]


def service_images(images: Images) -> dict[str, str]:
    """Return every image of docker-compose.yml, with those beside the broker that are here."""
    own = "gameday/services:forky"
    beside = ("REDIS_IMAGE", "HAPROXY_IMAGE", "PROMETHEUS_IMAGE")
    here = dict.fromkeys(beside, own) if Engine().has_image(own) else {}
    return {**images.variables, **here}
