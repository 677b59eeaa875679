"""Which brokers a matrix is played on: those that are named, or all that this machine has."""

from collections.abc import Sequence
from dataclasses import dataclass

from gameday.clusters.compose_images import find_images, images_here
from gameday.clusters.release import Release, find_release, known_releases
from gameday.errors import UsageError
from scenarios.options import Options

MORE = {"local": "run `make brokers`", "compose": 'run `VERSIONS="4.3 4.0" make images`'}
"""By kind of cluster, how a machine comes to several brokers."""


@dataclass(frozen=True)
class Choice:
    """A broker: its version, and how a run is told of it."""

    version: str
    named: str


def chosen(asked: Options, brokers: Sequence[str]) -> list[Choice]:
    """Return the brokers to play on, two or more, each of another version."""
    found = _images(brokers) if asked.cluster == "compose" else _releases(brokers)
    versions = [each.version for each in found]
    if len(set(versions)) < len(versions):
        raise UsageError(f"--broker: the same version is named twice: {', '.join(versions)}.")
    if len(found) < 2:
        raise UsageError(
            f"a matrix takes two brokers or more, and there is {', '.join(versions) or 'none'}: "
            f"{MORE[asked.cluster]}, or name them with --broker VERSION."
        )
    return found


def _releases(brokers: Sequence[str]) -> list[Choice]:
    """Return local releases; one that was named by its path is told by that."""
    named = [(find_release(name), name) for name in brokers]
    here: list[tuple[Release, str]] = named or [(each, "") for each in known_releases()]
    return [
        Choice(release.version, name if "/" in name else release.version) for release, name in here
    ]


def _images(brokers: Sequence[str]) -> list[Choice]:
    """Return images, those that are named or all that are here; a run finds each by its name."""
    return [Choice(find_images(name).version, name) for name in brokers or images_here()]
