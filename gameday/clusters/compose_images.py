"""Which images a cluster in containers is made of: those named, those here, else the official ones.

RABBITMQ_IMAGE, TOXIPROXY_IMAGE -> here already -> built by `make images` -> pulled
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from gameday.clusters.compose_engine import Engine, version_of
from gameday.errors import UsageError

TOXIPROXY = "2.12.0"
DEFAULT = "4.3"


@dataclass(frozen=True)
class Images:
    """The images by the variables of `docker-compose.yml`, and the broker's version."""

    variables: Mapping[str, str]
    version: str


def find_images(broker: str | None, engine: Engine | None = None, *, pull: bool = True) -> Images:
    """Return the images of a broker, a version or an image's name; they are here on return."""
    engine = engine or Engine()
    rabbitmq = _rabbitmq(broker, engine)
    proxy = os.environ.get("TOXIPROXY_IMAGE") or _first(
        engine,
        f"ghcr.io/shopify/toxiproxy:{TOXIPROXY}",
        [f"gameday/toxiproxy:{TOXIPROXY}"],
    )
    for image in (rabbitmq, proxy):
        if engine.has_image(image):
            continue
        if not pull:
            raise UsageError(f"image {image} is not here: run `make images`.")
        engine.pull(image)
    version = version_of(engine, rabbitmq)
    named = broker or ""
    if re.fullmatch(r"[\d.]+", named) and not f"{version}.".startswith(f"{named}."):
        raise UsageError(
            f"RABBITMQ_IMAGE: {rabbitmq} holds RabbitMQ {version}, not {named} as --broker says."
        )
    return Images({"RABBITMQ_IMAGE": rabbitmq, "TOXIPROXY_IMAGE": proxy}, version)


def images_here(engine: Engine | None = None) -> list[str]:
    """Return every version of the broker of which the engine has an image, the oldest first."""
    engine = engine or Engine()
    ours = re.compile(r"(?:gameday/)?rabbitmq:(\d+(?:\.\d+)*)(?:-management)?")
    named = {found[1] for tag in engine.tags() if (found := ours.fullmatch(tag))}
    versions = {find_images(name, engine, pull=False).version for name in named}
    return sorted(versions, key=lambda each: [int(part) for part in each.split(".")])


def _rabbitmq(broker: str | None, engine: Engine) -> str:
    """Return the broker's image."""
    if broker and not re.fullmatch(r"\d+(\.\d+)*", broker):
        if broker.startswith((".", "/", "~")):
            raise UsageError(f"--broker {broker}: containers take a version or an image's name.")
        return broker
    named = os.environ.get("RABBITMQ_IMAGE")
    if named:
        return named
    wanted = broker or DEFAULT
    built = re.compile(rf"gameday/rabbitmq:{re.escape(wanted)}(\.\d+)*")
    own = sorted(tag for tag in engine.tags() if built.fullmatch(tag))
    return _first(engine, f"rabbitmq:{wanted}-management", own[::-1])


def _first(engine: Engine, official: str, own: list[str]) -> str:
    """Return the official image if it is here, else one of our own, else the official to pull."""
    if engine.has_image(official):
        return official
    return next((each for each in own if engine.has_image(each)), official)
