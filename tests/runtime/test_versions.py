"""Messages of earlier versions are read by today's functions, wherever they have waited; those of later ones wait for today's to come."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import jsonschema_rs
import pytest

from functions.describe.catalog import Catalog
from functions.describe.releases import load_release
from functions.kernel import Declaration, MissingUpcaster, Payload, missing_steps, upcast, upcasts, versions
from functions.runtime.config.registry import Registry
from functions.runtime.config.settings import Settings
from functions.runtime.execution.failures import ROLL_OUT_ATTEMPTS
from functions.runtime.execution.input_decoder import InputDecoder
from functions.runtime.security import encryption
from functions.wire.cloudevents import Message
from tests.generated.examples import example
from tests.runtime.harness import ROOT, Worker, World, until
from tests.runtime.messages import deposit, message, request
from tests.runtime.test_operations import ask

V1 = json.dumps({"account": "a", "to": "Bonn"}).encode()
V2 = json.dumps({"account": "a", "place": "Bonn"}).encode()
V3 = json.dumps({"account": "a", "destination": {"place": "Bonn", "country": "Germany"}}).encode()


# -- steps ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "_upcasters", {})


def test_steps_are_chained_and_leave_what_they_were_given_as_it_is(steps: None) -> None:
    @upcasts("thing", from_=1)
    def named(payload: Payload) -> Payload:
        return {"name": payload.pop("title"), **payload}

    @upcasts("thing", from_=2)
    def counted(payload: Payload) -> Payload:
        return {**payload, "count": 1}

    payload = {"title": "x"}
    assert upcast("thing", payload, 1, 3) == {"name": "x", "count": 1}
    assert upcast("thing", payload, 2, 3) == {"title": "x", "count": 1}
    assert upcast("thing", payload, 3, 3) is payload and payload == {"title": "x"}
    assert missing_steps("thing", 1, 5) == [3, 4]
    with pytest.raises(MissingUpcaster, match="converts version 3 of thing to version 4"):
        upcast("thing", payload, 1, 4)


def test_one_step_is_declared_once(steps: None) -> None:
    upcasts("thing", from_=1)(dict)
    with pytest.raises(TypeError, match="two upcasters of version 1 of thing"):
        upcasts("thing", from_=1)(lambda payload: payload)
    with pytest.raises(TypeError, match="counted from 1"):
        upcasts("thing", from_=0)(dict)


# -- what was released ------------------------------------------------------------------------------------------------


def _released() -> Iterator[tuple[str, str]]:
    for folder in sorted((ROOT / "schemas/released").glob("*")):
        yield from ((folder.name, path) for path in load_release(ROOT, folder.name))


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.of(Registry.load().declarations)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Settings, encryption.Sealer]]:
    """The keys of a context, as its functions find them."""

    def keys(context: str) -> tuple[Settings, encryption.Sealer]:
        root = tmp_path_factory.mktemp(context)
        private = encryption.new_private_keys()
        for path, content in ((encryption.PRIVATE_KEYS, private), (encryption.PUBLIC_KEY.format(context=context), encryption.public_key(private))):
            file = root / path.lstrip("/")
            file.parent.mkdir(parents=True)
            file.write_text(json.dumps(content))
        settings = Settings({"CAPSULE_ROOT": str(root)})
        return settings, encryption.Sealer(settings)

    return keys


def _readers(catalog: Catalog, kind: str, type: str) -> list[Declaration]:
    if kind == "events":
        return list(catalog.subscribers[type])
    return [declaration for declaration in catalog.called if declaration.name == type]


def _as_it_was_sent(schema: Mapping[str, Any], whole: bool, seal: Callable[[str], str]) -> bytes:
    payload = example(schema, whole)
    jsonschema_rs.Draft202012Validator(dict(schema)).validate(payload)
    if payload.get("to") == payload.get("from") == "2026-01-01T00:00:00Z":
        payload["to"] = "2027-01-01T00:00:00Z"  # an example has the same time everywhere
    for name, field in schema.get("properties", {}).items():
        if field.get("format") == "password" and name in payload:
            payload[name] = seal(payload[name])
        elif name in payload and "password" in json.dumps(field) and isinstance(payload[name], dict):
            payload[name] = {key: seal(value) for key, value in payload[name].items()}
    return json.dumps(payload).encode()


@pytest.mark.parametrize(("release", "path"), list(_released()))
def test_whatever_a_release_has_sent_is_read_today(release: str, path: str, catalog: Catalog, sealed: Any) -> None:
    schema = load_release(ROOT, release)[path]
    kind, type = path.removesuffix(".json").split("/")
    for declaration in _readers(catalog, kind, type):
        settings, sealer = sealed(declaration.context)
        decoder = InputDecoder(declaration, encryption.Opener(settings, declaration.context))
        for whole in (True, False):
            body = _as_it_was_sent(schema, whole, partial(sealer.seal, declaration.context))
            sent = Message("1", "/capsule/test", type, "", body, {"dataversion": str(schema.get("x-version", 1))})
            decoded = decoder.decode(Message.from_headers(sent.headers(), sent.body))
            assert type == declaration.message_type
            assert bool(decoded.model_fields_set) == bool(json.loads(body))


def test_every_released_command_and_most_events_have_a_reader(catalog: Catalog) -> None:
    """Otherwise the test above would have no decoder."""
    unread = {path for _, path in _released() if not _readers(catalog, *path.removesuffix(".json").split("/"))}
    assert all(path.startswith("events/") for path in unread), unread
    assert len(unread) < len(list(_released())) / 5


# -- where they wait --------------------------------------------------------------------------------------------------


def _moved(world: World) -> list[str]:
    return [row[0] for row in world.rows("SELECT text FROM notes WHERE what = 'moved' ORDER BY id")]


def test_each_version_in_a_queue_is_read(fresh_world: World) -> None:
    world = fresh_world
    worker = world.worker()
    for body, text in ((V1, {}), (V1, {"dataversion": "1"}), (V2, {"dataversion": "2"}), (V3, {"dataversion": "3"})):
        assert worker.post(message("probe.moved", **text), body) == 204
    unknown = "a to Bonn in unknown"
    assert _moved(world) == [unknown, unknown, unknown, "a to Bonn in Germany"]


def test_what_waited_in_the_outbox_and_among_the_dead_letters_is_read(fresh_world: World) -> None:
    world = fresh_world
    owed, dead = message("probe.moved", dataversion="1"), message("probe.moved", dataversion="2")
    world.rows(
        "INSERT INTO outbox (id, exchange, routing_key, headers, body, created_at)"
        " VALUES (%s, 'capsule.events', 'probe.moved', %s, %s, now() - interval '1 day') RETURNING 1",
        *(owed["id"], json.dumps(owed), V1),
    )
    worker = world.worker()
    world.pump(lambda: worker.port)
    until(lambda: _moved(world), why="for what was owed")
    worker.post({**dead, "deadletter": "undelivered"}, V2, "/probe.on_moved")
    assert world.count("dead_letters WHERE state = 'open'") == 1
    ask(world, worker, "probe.settle_dead_letters", {"action": "replay", "function": "probe.on_moved"})
    until(lambda: len(_moved(world)) == 2, why="for the replayed one")


def test_a_newer_version_waits_for_the_roll_out_and_then_dies_with_its_reason(fresh_world: World) -> None:
    world = fresh_world
    worker = world.worker()
    newer = message("probe.moved", dataversion="4")
    assert worker.post(newer, b'{"who": "knows"}') == 204
    assert world.count("dead_letters") == 0 and _moved(world) == []
    headers, body = world.addressed_to("probe.on_moved")
    assert (headers["attempt"], headers["dataversion"], body) == ("2", "4", b'{"who": "knows"}')
    assert worker.post({**headers, "attempt": "9"}, body, "/probe.on_moved") == 204, "longer than any other retry"
    assert world.count("dead_letters") == 0
    assert worker.post({**headers, "attempt": str(ROLL_OUT_ATTEMPTS)}, body, "/probe.on_moved") == 204
    [(error, detail)] = world.rows("SELECT error, detail FROM dead_letters")
    assert error == "NewerVersion"
    assert (
        detail == "version 4 of probe.moved is newer than 3, which this release of probe.on_moved reads: finish the roll-out, then replay the message"
    )


def test_who_asks_in_a_newer_version_is_told_to_try_again(world: World, worker: Worker) -> None:
    command = request("probe.deposit", dataversion="2")
    assert worker.post(command, deposit(account="newer")) == 204
    headers, body = world.reply(command["correlationid"])
    assert (headers["status"], body["type"]) == ("503", "/problems/unavailable")
    assert world.count("deposits WHERE account = 'newer'") == 0


@pytest.mark.parametrize(("body", "error"), [(b"nonsense", "invalid"), (b"[]", "invalid"), (b"{}", "invalid")])
def test_what_is_no_message_of_its_version_dies_at_once(world: World, worker: Worker, body: bytes, error: str) -> None:
    strange = message("probe.moved", dataversion="1")
    assert worker.post(strange, body) == 204
    assert world.rows("SELECT error FROM dead_letters WHERE message_id = %s", strange["id"]) == [(error,)]
