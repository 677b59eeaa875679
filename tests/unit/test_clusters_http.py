"""The two HTTP adapters against servers that misbehave."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gameday.clusters.attached import attach
from gameday.clusters.cluster import Address
from gameday.clusters.management import Management, ManagementError
from gameday.clusters.toxiproxy import ToxiproxyApi, ToxiproxyError
from gameday.errors import UsageError


class Misbehaving(BaseHTTPRequestHandler):
    """Fails, hangs, or says yes and does nothing, by path."""

    released = threading.Event()

    def answer(self) -> None:
        """Answer as the path wants it."""
        if "hang" in self.path:
            self.released.wait(5)
        status = 500 if "fail" in self.path else 200
        body = json.dumps({"enabled": True, "version": "2.12.0"}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PATCH = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - the base's names.

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Address]:
    """Run a server that misbehaves."""
    Misbehaving.released.clear()
    running = ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving)
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield Address("127.0.0.1", running.server_port)
    Misbehaving.released.set()
    running.shutdown()
    thread.join()
    running.server_close()


def test_toxiproxys_server_error_is_an_error(server: Address) -> None:
    """A 500, which the library takes for success, raises."""
    with pytest.raises(ToxiproxyError, match="500"):
        ToxiproxyApi(server).set_enabled("fail", False)


def test_toxiproxy_that_hangs_is_an_error_in_time(server: Address) -> None:
    """A call that is not answered ends at its limit."""
    with pytest.raises(ToxiproxyError, match="ReadTimeout"):
        ToxiproxyApi(server, limit_s=0.1).set_enabled("hang", False)


def test_toxiproxy_that_does_nothing_is_found_out(server: Address) -> None:
    """A yes that changes nothing is noticed by reading back."""
    with pytest.raises(ToxiproxyError, match="left quiet enabled=True"):
        ToxiproxyApi(server).set_enabled("quiet", False)


def test_two_toxiproxies_have_two_addresses(server: Address) -> None:
    """An instance's address is its own, not the library's one for all."""
    first, second = ToxiproxyApi(server), ToxiproxyApi(Address("127.0.0.1", 1), limit_s=0.2)
    assert first.version() == "2.12.0"
    with pytest.raises(ToxiproxyError):
        second.version()
    assert first.version() == "2.12.0"


def test_management_raises_on_400_and_more_and_at_its_limit(
    server: Address,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Errors carry their status; a hang ends in time; the user's proxy settings are not used."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    api = Management(f"http://{server}", "user", "s3cret", limit_s=0.1)
    assert api.get("/fine")["enabled"]
    with pytest.raises(ManagementError) as failed:
        api.put("/fail")
    assert failed.value.status == 500
    with pytest.raises(ManagementError, match="ReadTimeout") as hung:
        api.get("/hang")
    assert "s3cret" not in str(hung.value)


@pytest.mark.parametrize("url", ["", "5672", "http://host", "amqp://", "amqp://u:s3cret@h:port"])
def test_attaching_to_no_url_is_one_sentence(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing or broken AMQP_URL is named, without the password in it."""
    monkeypatch.setenv("AMQP_URL", url)
    with pytest.raises(UsageError, match="AMQP_URL is missing or no URL") as refusal:
        attach()
    assert "s3cret" not in str(refusal.value)
