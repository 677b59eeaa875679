"""The container engine, asked through its own API; only `up` goes through `docker compose`.

The engine must be this machine's own: a run breaks things, and what it publishes is on loopback.
Everything of a project is found by the label that Compose gives it, so that removing needs neither
Compose nor the file that made it.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
import requests
from docker.errors import DockerException, ImageNotFound, NotFound
from docker.models.containers import Container

from gameday.clusters.processes import tail
from gameday.errors import HarnessError, UsageError

FILE = Path(__file__).parent.parent.parent / "docker-compose.yml"
PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
LIMIT_S = 40
REMEDY = "start a container engine with Docker's Compose plugin (on Debian, as root: make images)"


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn whatever the engine's client raises into a sentence."""
    try:
        yield
    except (DockerException, requests.RequestException) as error:
        reason = getattr(error, "explanation", None) or str(error) or type(error).__name__
        raise HarnessError(f"{what}: {str(reason)[:300]}") from error


def endpoint() -> str:
    """Return where the engine is that the command line uses, by its context or its environment."""
    words = ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
    try:
        found = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    except subprocess.TimeoutExpired as error:  # Busy, which is not the same as not there.
        raise HarnessError(f"docker context inspect: no answer within {LIMIT_S:g} s") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"there is no docker command on this machine: {REMEDY}.") from error
    return found.stdout.strip()


class Engine:
    """The engine of this machine."""

    def __init__(self) -> None:
        self.host = endpoint()
        if not self.host.startswith(("unix://", "npipe://")):
            raise UsageError(
                f"the container engine is at {self.host}, not on this machine: gameday breaks "
                "containers of this machine only; choose another with `docker context use`."
            )
        try:
            with asking("the container engine"):  # It is asked for its version at once.
                self._client = docker.DockerClient(base_url=self.host, timeout=LIMIT_S)
        except HarnessError as error:
            if error.__cause__ and isinstance(error.__cause__.__cause__, requests.Timeout):
                raise
            raise UsageError(f"no container engine answers at {self.host}: {REMEDY}.") from error

    def container(self, project: str, service: str) -> Container:
        """Return one service's container, as it is now."""
        found = self.containers(project, service)
        if not found:
            raise HarnessError(f"{project} has no container of {service}")
        return found[0]

    def containers(self, project: str, service: str | None = None) -> list[Container]:
        """Return a project's containers, running or not."""
        labels = [f"{PROJECT}={project}"] + ([f"{SERVICE}={service}"] if service else [])
        with asking(f"containers of {project}"):
            return list(self._client.containers.list(all=True, filters={"label": labels}))

    def network(self, project: str) -> docker.models.networks.Network:
        """Return the network of a project's nodes."""
        labels = {"label": f"{PROJECT}={project}"}
        with asking(f"the network of {project}"):
            found = [
                each
                for each in self._client.networks.list(filters=labels)
                if each.attrs["Labels"].get("com.docker.compose.network") == "nodes"
            ]
            if not found:
                raise HarnessError(f"{project} has no network of its nodes")
            found[0].reload()
            return found[0]

    def volume_of(self, project: str, name: str) -> str:
        """Return the name of one of a project's volumes."""
        return f"{project}_{name}"

    def mountpoint(self, volume: str) -> Path:
        """Return where the engine keeps a volume."""
        with asking(f"volume {volume}"):
            return Path(self._client.volumes.get(volume).attrs["Mountpoint"])

    def run_beside(self, image: str, volume: str, words: Sequence[str]) -> str:
        """Run a short command on a volume in a container of its own; return what it prints."""
        with asking(f"{words[0]} on {volume}"):
            output = self._client.containers.run(
                image,
                list(words[1:]),
                entrypoint=[words[0]],
                volumes={volume: {"bind": "/var/lib/rabbitmq", "mode": "rw"}},
                network_mode="none",
                remove=True,
            )
        return bytes(output).decode(errors="replace")

    def tags(self) -> frozenset[str]:
        """Return the names of every image that the engine has."""
        with asking("the engine's images"):
            return frozenset(tag for image in self._client.images.list() for tag in image.tags)

    def environment_of(self, image: str) -> dict[str, str]:
        """Return the environment that an image brings; it must be there."""
        with asking(f"image {image}"):
            found = self._client.images.get(image).attrs["Config"]["Env"] or []
        return dict(each.split("=", 1) for each in found)

    def has_image(self, image: str) -> bool:
        """Whether an image is there."""
        with asking(f"image {image}"), suppress(ImageNotFound):
            self._client.images.get(image)
            return True
        return False

    def pull(self, image: str) -> None:
        """Fetch an image from where its name says that it comes from."""
        try:
            with asking(f"pulling {image}"):
                self._client.images.pull(image)
        except HarnessError as error:
            raise UsageError(
                f"image {image} is neither here nor to be pulled ({error}): build images with "
                "`make images`, or name others (RABBITMQ_IMAGE, TOXIPROXY_IMAGE)."
            ) from error

    def compose(
        self, project: str, words: Sequence[str], variables: Mapping[str, str], log: Path
    ) -> None:
        """Run a command of Compose on a project."""
        command = ["docker", "compose", "-p", project, "-f", str(FILE), *words]
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.environ.get("HOME", "/"),
            "DOCKER_HOST": self.host,
            **variables,
        }
        try:
            with log.open("ab") as output:
                subprocess.run(
                    command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=300,
                    check=True,
                )
        except (OSError, subprocess.SubprocessError) as error:
            raise HarnessError(f"docker compose {words[0]}: {tail(log, 400) or error}") from error

    def remove(self, project: str) -> int:
        """Remove everything of a project; return how many containers there were."""
        label = {"label": f"{PROJECT}={project}"}
        found = self.containers(project)
        with asking(f"removing {project}"):
            # Those that share a network go before the one whose it is.
            for each in sorted(found, key=lambda one: one.labels[SERVICE].startswith("host")):
                with suppress(NotFound):
                    each.remove(force=True, v=True)
            for network in self._client.networks.list(filters=label):
                with suppress(NotFound):
                    network.remove()
            for volume in self._client.volumes.list(filters=label):
                with suppress(NotFound):
                    volume.remove(force=True)
        return len(found)

    def close(self) -> None:
        """Give the connections to the engine up."""
        self._client.close()


def version_of(engine: Engine, image: str) -> str:
    """Return the version of the RabbitMQ in an image: what it says, else what its broker says."""
    told = engine.environment_of(image).get("RABBITMQ_VERSION")
    if told:
        return told
    raise UsageError(
        f"image {image} does not say which RabbitMQ it holds: it needs RABBITMQ_VERSION in its "
        "environment, as the official images have it."
    )
