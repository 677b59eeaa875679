"""What consumers emit: new messages in the chain of the one that caused them, for some endings."""

import json
import zlib
from pathlib import Path

import pika
import pytest

from gameday.contracts.model import Contract
from gameday.contracts.uses import sendings_of
from gameday.history.gather import gather
from gameday.history.ledger import read_history
from gameday.history.records import Kind
from gameday.traffic.deliveries import Delivery
from gameday.traffic.messages import Blend
from gameday.traffic.session import Session, open_session

UUID = {"type": "string", "format": "uuid"}
SCHEMA = {
    "type": "object",
    "required": ["message_id", "correlation_id"],
    "properties": {"message_id": UUID, "correlation_id": UUID},
}
CHAIN = "0000002a-0000-4000-9000-00000000002a"
CONTRACT = Contract.model_validate(
    {
        "system": "chain",
        "title": "a request and what it causes",
        "topology": {
            "exchanges": [{"name": "work", "type": "direct"}, {"name": "told", "type": "fanout"}],
            "queues": [{"name": "work", "type": "quorum"}, {"name": "told", "type": "quorum"}],
            "bindings": [
                {"exchange": "work", "queue": "work", "routing_key": "asked"},
                {"exchange": "work", "queue": "work", "routing_key": "done"},
                {"exchange": "told", "queue": "told"},
            ],
        },
        "messages": [
            {"name": name, "schema": SCHEMA, "correlation": "correlation_id", "size_bytes": 200}
            for name in ("Asked", "Done", "Failed", "Told")
        ],
        "producers": [
            {
                "name": "api", "message": "Asked", "exchange": "work", "routing_key": "asked",
                "rate_per_s": 10, "weight": 3,
                "also": [{"message": "Told", "exchange": "told", "weight": 1}],
            }
        ],
        "consumers": [
            {
                "name": "worker", "queue": "work",
                "emits": [
                    {"when": "done", "message": "Done", "exchange": "work",
                     "routing_key": "done", "of": "Asked"},
                    {"when": "failed", "message": "Failed", "exchange": "told", "of": "Asked"},
                    {"when": "done", "message": "Told", "exchange": "told", "of": "Asked",
                     "share": 0.25},
                ],
            },
            {"name": "teller", "queue": "told"},
        ],
        "requirements": [],
    }
)  # fmt: skip


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """Give a process's part in a run without a broker."""
    manifest = {"run": "r", "seed": 1, "contract": CONTRACT.model_dump(mode="json", by_alias=True)}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return open_session(tmp_path, "worker", ())


def delivery(kind: str = "Asked", sequence: int = 7, body: bytes | None = None) -> Delivery:
    """Return a delivery of another process's message, in a chain."""
    text = json.dumps({"message_id": CHAIN, "correlation_id": CHAIN}).encode()
    properties = pika.BasicProperties(type=kind)
    return Delivery(3, None, sequence, 9, 577, properties, text if body is None else body, 0)


def test_an_emitted_message_is_new_and_keeps_the_chain(session: Session) -> None:
    """It has its own process, sequence and id, its parent's correlation id, and its cause noted."""
    emitter = session._emitter(CONTRACT.consumers[0])  # Tools would open links.

    done = emitter.messages("done", 0, delivery())[0]
    body = json.loads(done.body)
    session.close()
    rows = gather(read_history(session.folder / "history")).of(Kind.CAUSED)

    assert done.producer == session.ledger.process
    assert body["correlation_id"] == CHAIN != body["message_id"] == done.message_id
    assert done.route.message_type == "Done"
    assert (rows["sequence"][0], rows["tag"][0]) == (done.sequence, 3)
    assert rows["detail"][0] == zlib.crc32(CHAIN.encode())


def test_endings_and_types_choose_what_is_emitted(session: Session) -> None:
    """Each ending emits its own, after messages of its type only, a share after the same ones."""
    emitter = session._emitter(CONTRACT.consumers[0])

    def types(when: str, kind: str, sequence: int = 2) -> list[str]:
        made = emitter.messages(when, 0, delivery(kind, sequence))
        return [each.route.message_type for each in made]

    assert types("failed", "Asked") == ["Failed"]
    assert types("done", "Done") == types("timed_out", "Asked") == []
    often = [len(types("done", "Asked", sequence)) - 1 for sequence in range(400)]
    assert often == [len(types("done", "Asked", sequence)) - 1 for sequence in range(400)]
    assert 60 < sum(often) < 140, "a quarter of 400"


def test_a_broken_parent_still_causes_a_message(session: Session) -> None:
    """Without a correlation id to carry on, what is emitted begins a chain of its own."""
    emitter = session._emitter(CONTRACT.consumers[0])

    (failed,) = emitter.messages("failed", 0, delivery(body=b'{"message_id": torn'))
    emitter.note(0, delivery(body=b"[]"))
    session.close()
    gathered = gather(read_history(session.folder / "history"))

    assert gathered.of(Kind.CAUSED)["tag"].tolist() == [0]
    assert json.loads(failed.body)["correlation_id"] == failed.correlation
    assert len(gathered.of(Kind.CORRELATED)["time"]) == 0


def test_several_types_over_one_pool_come_by_their_weights(session: Session) -> None:
    """Three quarters of the first type and a quarter of the other, each on its own route."""
    (producer,) = CONTRACT.producers
    sendings = sendings_of(producer)
    by = {"producer": producer.name}
    sources = [session._source(producer, each, by) for each in sendings]
    blend = Blend(sources, [each.weight for each in sendings], 1)

    made = [blend.next(number).route for number in range(4000)]

    assert {(each.message_type, each.exchange) for each in made} == {
        ("Asked", "work"),
        ("Told", "told"),
    }
    assert 2850 < sum(each.message_type == "Asked" for each in made) < 3150
