"""Toxiproxy's control API, on top of toxiproxy-python with its traps closed.

The library keeps one address for the whole process, has no time limits, takes a 5xx for success
and cannot PATCH. This adapter keeps its words (`Proxy`, `Toxic`, its exceptions) and brings its
own transport: an address for each instance, limits, an error on any status of 400 and more, and
what was set is read back. It also finds the server's binary. It starts nothing.
"""

import os
import shutil
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from toxiproxy.api import APIConsumer, validate_response
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists
from toxiproxy.proxy import Proxy
from toxiproxy.toxic import Toxic

from gameday.clusters.cluster import Address, ToxicSeen, both_ways
from gameday.clusters.cluster import Toxic as Wanted
from gameday.errors import HarnessError, UsageError

LIMIT_S = 3.0

SILENCE = both_ways("timeout", timeout=0)
"""Swallows every byte of both streams; the connections stay open."""


class ToxiproxyError(HarnessError):
    """Toxiproxy did not do what was asked, or did not answer in time."""


@dataclass(frozen=True)
class ProxySpec:
    """A proxy as it should be: where it listens and what it leads to."""

    name: str
    listen: Address
    upstream: Address

    def as_json(self, *, enabled: bool) -> dict[str, object]:
        """Return the control API's own form."""
        return {
            "name": self.name,
            "listen": str(self.listen),
            "upstream": str(self.upstream),
            "enabled": enabled,
        }


class Consumer(APIConsumer):
    """The library's consumer with an address of its own, limits, and errors that are errors."""

    def __init__(self, address: Address, limit_s: float) -> None:
        self.address = address
        self.limit_s = limit_s

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Make one call and return its JSON, if any."""
        where = f"toxiproxy at {self.address}: {method} {path}"
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.request(
                    method,
                    f"http://{self.address}{path}",
                    json=body,
                    timeout=self.limit_s,
                )
            validate_response(answer)
        except requests.RequestException as error:
            raise ToxiproxyError(f"{where}: {type(error).__name__}") from error
        except (ProxyExists, NotFound, InvalidToxic) as error:
            raise ToxiproxyError(f"{where}: {error}") from error
        if answer.status_code >= 400:
            raise ToxiproxyError(f"{where}: {answer.status_code} {answer.text[:200]}")
        return answer.json() if answer.content else None


class ToxiproxyApi:
    """What the harness asks of a Toxiproxy server; each change is read back."""

    def __init__(self, address: Address, *, limit_s: float = LIMIT_S) -> None:
        self._consumer = Consumer(address, limit_s)

    def version(self) -> str:
        """Return the server's version; it proves that the server answers."""
        return str(self._consumer.call("GET", "/version")["version"])

    def proxies(self) -> dict[str, Proxy]:
        """Return every proxy by name, as the server has it."""
        found = self._consumer.call("GET", "/proxies")
        return {name: Proxy(**values) for name, values in found.items()}

    def populate(self, specs: Iterable[ProxySpec], closed: Container[str] = ()) -> None:
        """Make the proxies what they should be; those that are so already keep their sockets."""
        wanted = list(specs)
        body = [spec.as_json(enabled=spec.name not in closed) for spec in wanted]
        self._consumer.call("POST", "/populate", body)
        missing = {spec.name for spec in wanted} - self.proxies().keys()
        if missing:
            raise ToxiproxyError(f"toxiproxy did not create {', '.join(sorted(missing))}")

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Open a proxy, or close it together with its connections."""
        self._consumer.call("PATCH", f"/proxies/{name}", {"enabled": enabled})
        if self._consumer.call("GET", f"/proxies/{name}")["enabled"] is not enabled:
            raise ToxiproxyError(f"toxiproxy left {name} enabled={not enabled}")

    def toxics(self) -> list[ToxicSeen]:
        """Return every toxic of every proxy."""
        found = self._consumer.call("GET", "/proxies")
        return [
            ToxicSeen(proxy, toxic.name, toxic.type, toxic.stream)
            for proxy, values in sorted(found.items())
            for toxic in (Toxic(**each) for each in values["toxics"])
        ]

    def set_toxics(self, name: str, wanted: Iterable[Wanted]) -> None:
        """Add what a proxy lacks of these toxics, and read them back."""
        toxics = list(wanted)
        held = {each["name"]: each for each in self._toxics(name)}
        for toxic in toxics:
            body = {
                "name": toxic.name,
                "type": toxic.type,
                "stream": toxic.stream,
                "toxicity": 1.0,
                "attributes": dict(toxic.attributes),
            }
            if toxic.name not in held:
                self._consumer.call("POST", f"/proxies/{name}/toxics", body)
        held = {each["name"]: each for each in self._toxics(name)}
        for toxic in toxics:
            known = held.get(toxic.name, {}).get("attributes", {})
            if {**known, **toxic.attributes} != known:
                raise ToxiproxyError(f"toxiproxy has {known} for {toxic.name} of {name}")

    def remove_toxics(self, name: str) -> None:
        """Remove a proxy's toxics; the server can hang on those that hold bytes back for good."""
        for toxic in self._toxic_names(name):
            self._consumer.call("DELETE", f"/proxies/{name}/toxics/{toxic}")
        left = self._toxic_names(name)
        if left:
            raise ToxiproxyError(f"toxiproxy kept {', '.join(left)} on {name}")

    def has_others(self, name: str, wanted: Iterable[Wanted]) -> bool:
        """Whether a proxy carries a toxic that is none of these, or differs from them."""
        values = {toxic.name: dict(toxic.attributes) for toxic in wanted}
        return any(
            {**each["attributes"], **values.get(each["name"], {"none": 0})} != each["attributes"]
            for each in self._toxics(name)
        )

    def toxic_types(self, name: str) -> frozenset[str]:
        """Return the types of toxic that a proxy carries."""
        return frozenset(toxic["type"] for toxic in self._toxics(name))

    def _toxic_names(self, name: str) -> list[str]:
        """Return the names of one proxy's toxics."""
        return [toxic["name"] for toxic in self._toxics(name)]

    def _toxics(self, name: str) -> list[dict[str, Any]]:
        """Return one proxy's toxics."""
        return list(self._consumer.call("GET", f"/proxies/{name}/toxics"))


def find_binary() -> Path:
    """Return the Toxiproxy server's binary."""
    on_path = shutil.which("toxiproxy-server")
    named = os.environ.get("GAMEDAY_TOXIPROXY")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    built = cache / "gameday" / "bin" / "toxiproxy-server"
    for candidate in (on_path, named, built):
        if candidate and os.access(candidate, os.X_OK) and Path(candidate).is_file():
            return Path(candidate).resolve()
    raise UsageError("no toxiproxy-server on this machine: run `make setup`.")
