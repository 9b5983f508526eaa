"""The runtime's pure parts: how long to wait, what a message says, what must be bound, where an undelivered message goes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.kernel import ADMIN, ANYONE, Allow, Caller, Conflict, FieldError, Model, query
from functions.kernel.decorators import declarations_of
from functions.runtime.config.settings import Settings
from functions.runtime.config.wiring import Container, NothingProvides, Wiring
from functions.runtime.messaging import delays
from functions.runtime.messaging.bus import Unroutable
from functions.runtime.reliability.dead_letter_router import MAX_REDELIVERIES, UNROUTABLE, DeadLetterRouter
from functions.runtime.serving import topology
from functions.runtime.serving.topology import Binding, NotReady
from functions.wire.cloudevents import InvalidMessage, Message, stamp
from functions.wire.problems import rejection_document
from functions.wire.settings import MissingSetting

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class FixedClock:
    def now(self) -> datetime:
        return NOW


@pytest.mark.parametrize(("seconds", "level"), [(0, 1), (1, 1), (4.9, 1), (5, 5), (59, 15), (60, 60), (899, 300), (3600, 3600), (90_000, 3600)])
def test_a_wait_takes_the_longest_level_that_is_not_over_it(seconds: float, level: int) -> None:
    assert delays.level_for(seconds) == level


def test_backoff_doubles_up_to_an_hour_with_jitter_on_its_upper_half() -> None:
    assert [delays.backoff_seconds(attempt, 1.0, jitter=1.0) for attempt in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert delays.backoff_seconds(3, 1.0, jitter=0.0) == 2
    assert delays.backoff_seconds(30, 1.0, jitter=1.0) == 3600


def test_a_message_that_comes_before_its_time_is_early_and_one_within_the_slack_is_not() -> None:
    message = Message("1", "/s", "t", "", b"", {"due": stamp(NOW + timedelta(seconds=10))})
    assert delays.is_early(message, NOW)
    assert not delays.is_early(message, NOW + timedelta(seconds=9.8))


def test_a_binary_event_becomes_a_message_and_goes_on_under_names_that_the_dispatcher_keeps() -> None:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "/gateway",
        "ce-type": "auth.register",
        "ce-time": "2026-01-01T00:00:00Z",
        "ce-replyto": "q",
        "content-type": "application/json",
        "traceparent": "00-1-2-01",
    }
    message = Message.from_http(headers, b'{"a": 1}')
    assert (message.id, message.type, message.body, message.get("replyto")) == ("1", "auth.register", b'{"a": 1}', "q")
    on = message.headers()
    assert on["traceparent"] == "00-1-2-01" and on["datacontenttype"] == "application/json"
    assert all(name.isalnum() and name.islower() for name in on if name != "content-type")


def test_a_structured_event_is_read_too_and_what_is_no_event_is_refused() -> None:
    body = b'{"specversion": "1.0", "id": "2", "source": "/s", "type": "user.created", "data": {"x": 1}}'
    assert Message.from_http({"content-type": "application/cloudevents+json"}, body).body == b'{"x":1}'
    with pytest.raises(InvalidMessage):
        Message.from_http({"content-type": "application/json"}, b"{}")


def test_a_rejection_becomes_a_problem_document() -> None:
    class NameTaken(Conflict):
        """Somebody else has this name."""

    document = rejection_document(NameTaken("'hello' is taken", errors=[FieldError("/name", "taken")], retry_after=3))
    assert document == {
        "type": "/problems/name-taken",
        "title": "Somebody else has this name",
        "status": 409,
        "detail": "'hello' is taken",
        "errors": [{"pointer": "/name", "detail": "taken", "in": "body"}],
        "retryAfter": 3,
    }


def _object(called: str, labels: dict[str, str], ready: bool = True, **spec: Any) -> dict[str, Any]:
    status = {"conditions": [{"type": "Ready", "status": "True" if ready else "Unknown"}]}
    return {"metadata": {"name": called, "labels": labels, "annotations": {}}, "spec": spec, "status": status}


def _cluster(ready: bool = True) -> tuple[Any, ...]:
    of_broker, of_trigger = {topology.BROKER_LABEL: "capsule"}, {topology.BROKER_LABEL: "capsule", topology.TRIGGER_LABEL: "auth-register"}
    trigger = _object("auth-register", {}, ready, broker="capsule", filter={"attributes": {"type": "auth.register"}})
    trigger["metadata"]["annotations"] = {topology.FUNCTIONS: "auth.register"}
    exchanges = [_object("x", of_broker, name="b.main"), _object("y", of_broker, name="b.dlx")]
    queues = [_object("dlq", of_broker, name="b.dlq"), _object("q", of_trigger, name="trigger-queue")]
    bindings = [_object("b", of_broker, source="b.dlx", destination="b.dlq"), _object("t", of_trigger, source="b.main", destination="trigger-queue")]
    return _object("capsule", {}), [trigger], exchanges, queues, bindings


def test_the_bindings_are_read_from_the_clusters_objects() -> None:
    assert set(topology.plan(*_cluster())) == {
        Binding("dlx", "b.dlx", "", to_queue=False),
        Binding("capsule.commands", "trigger-queue", "auth.register", to_queue=True),
    }


def test_an_event_goes_into_its_handlers_queue_and_to_foreign_triggers_through_the_broker() -> None:
    broker, [handler], exchanges, queues, bindings = _cluster()
    handler["spec"]["filter"]["attributes"]["type"] = "user.created"
    handler["metadata"]["annotations"] = {topology.FUNCTIONS: "billing.on_user_created"}
    foreign = _object("foreign", {}, broker="capsule", filter={"attributes": {"type": "team.created"}})
    unfiltered = _object("unfiltered", {}, broker="capsule")

    planned = topology.plan(broker, [handler, foreign], exchanges, queues, bindings)
    every_event = Binding("capsule.events", "b.main", "#", to_queue=False)
    assert {each for each in planned if each.source == "capsule.events"} == {
        Binding("capsule.events", "trigger-queue", "user.created", to_queue=True),
        Binding("capsule.events", "b.main", "team.created", to_queue=False),
    }
    assert every_event in topology.former(planned, exchanges), "a former release bound it"
    planned = topology.plan(broker, [handler, unfiltered], exchanges, queues, bindings)
    assert every_event in planned and every_event not in topology.former(planned, exchanges)


def test_nothing_is_bound_while_a_trigger_is_not_ready() -> None:
    with pytest.raises(NotReady, match="auth-register"):
        topology.plan(*_cluster(ready=False))


class RecordingBus:
    def __init__(self, bound: set[str]) -> None:
        self.bound, self.sent = bound, list[tuple[str, str, dict[str, str]]]()

    async def publish(self, exchange: str, key: str, headers: dict[str, str], body: bytes, *, mandatory: bool = False) -> None:
        if exchange != UNROUTABLE and key not in self.bound:
            raise Unroutable(key)
        self.sent.append((exchange, key, headers))


async def _undelivered(**attributes: str) -> list[tuple[str, str, dict[str, str]]]:
    bus = RecordingBus({"auth.register", "auth.*", "user.created"})
    await DeadLetterRouter(bus, FixedClock()).handle(Message("1", "/s", "user.created", "", b"{}", attributes))  # type: ignore[arg-type]
    return bus.sent


async def test_what_never_reached_its_function_goes_back_to_it_alone() -> None:
    [(exchange, key, headers)] = await _undelivered(knativeerrordest="http://auth-register.capsule.svc/auth.register", knativeerrorcode="-1")
    assert (exchange, key, headers["redelivery"]) == ("capsule.delay.1s", "auth.register", "1")
    assert "knativeerrordest" not in headers


async def test_what_came_back_too_often_is_marked_to_be_stored_by_its_function() -> None:
    destination = "http://auth-register.capsule.svc/auth.register"
    [(exchange, key, headers)] = await _undelivered(knativeerrordest=destination, redelivery=str(MAX_REDELIVERIES))
    assert (exchange, key, headers["deadletter"]) == ("capsule.redelivery", "auth.register", "undelivered")


async def test_what_nobody_was_there_to_store_comes_again_later_and_not_at_once() -> None:
    destination = "http://auth-register.capsule.svc/auth.register"
    often = {"redelivery": str(MAX_REDELIVERIES), "deadletter": "undelivered", "knativeerrorcode": "-1"}
    [(exchange, key, headers)] = await _undelivered(knativeerrordest=destination, **often)
    assert (exchange, key, headers["deadletter"]) == ("capsule.delay.300s", "auth.register", "undelivered")


async def test_what_was_for_a_group_goes_back_to_that_group_alone() -> None:
    [(_, key, headers)] = await _undelivered(knativeerrordest="http://auth.capsule.svc/auth.*", knativeerrorcode="-1")
    assert (key, headers["type"], "function" in headers) == ("auth.*", "user.created", False)
    retried = await _undelivered(knativeerrordest="http://auth.capsule.svc/auth.*", knativeerrorcode="-1", function="auth.on_user_created")
    assert (retried[0][1], retried[0][2]["function"]) == ("auth.*", "auth.on_user_created")
    [(_, key, headers)] = await _undelivered(knativeerrordest="http://auth.capsule.svc/auth.*", redelivery=str(MAX_REDELIVERIES))
    assert (key, headers["deadletter"]) == ("auth.*", "undelivered")


async def test_what_belongs_to_nobody_rests_in_a_durable_queue() -> None:
    assert [(exchange, key) for exchange, key, _ in await _undelivered()] == [(UNROUTABLE, "")]
    assert [(exchange, key) for exchange, key, _ in await _undelivered(knativeerrordest="http://x/gone.away")] == [(UNROUTABLE, "")]


def test_a_missing_setting_and_a_missing_port_are_named(tmp_path: Any) -> None:
    with pytest.raises(MissingSetting, match="CAPSULE_NOWHERE"):
        Settings({}).text("CAPSULE_NOWHERE")
    with pytest.raises(NothingProvides, match=r"auth\.register\(hasher\) needs dict"):
        Container(Wiring("auth"), {}).get(dict, "auth.register(hasher)")


def test_a_mounted_file_is_read_again_when_it_changes(tmp_path: Any) -> None:
    file = tmp_path / "etc/key"
    file.parent.mkdir()
    file.write_text("old")
    settings = Settings({"CAPSULE_ROOT": str(tmp_path)})
    assert settings.file("/etc/key") == b"old"
    file.write_text("renewed")
    assert settings.file("/etc/key") == b"renewed"


class Nothing(Model):
    pass


async def _asked(request: Nothing) -> Nothing:
    return request


async def _asked_by(request: Nothing, caller: Caller | None) -> Nothing:
    return request


@pytest.mark.parametrize(("allow", "handler", "needs_caller"), [(ANYONE, _asked, False), (ANYONE, _asked_by, True), (ADMIN, _asked, True)])
def test_a_token_is_looked_at_only_where_it_matters_who_asks(allow: Allow, handler: Any, needs_caller: bool) -> None:
    """Who does not care has no keys to verify one with, and must not fail for it."""
    [declaration] = declarations_of(query(allow=allow)(handler))
    assert declaration.needs_caller is needs_caller
