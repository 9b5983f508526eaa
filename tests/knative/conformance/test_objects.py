"""Brokers, Triggers, exchanges and queues, used through the API and AMQP."""

import time
from itertools import groupby
from typing import Any

import pika
import pytest
from kubernetes.client.rest import ApiException

from tests.knative.conformance.cluster import Cluster, until
from tests.knative.conformance.test_messages import VALID


def headers(case: str, type: str = "row", **more: Any) -> dict[str, Any]:
    return {**VALID, "id": f"id-{case}", "case": case, "type": type, **more}


def test_the_exchange_matches_headers_without_prefix_exactly(cluster: Cluster) -> None:
    exchange = cluster.exchange("main")
    cluster.channel().exchange_declare(exchange, "headers", durable=True, passive=True)
    cluster.publish(exchange, "", headers("routed"), b"{}", mandatory=True)
    until(lambda: cluster.requests("routed"), 60)
    others: tuple[dict[str, Any], ...] = ({"type": "Row"}, {"type": "row "}, {"type": None, "ce-type": "row"})
    for number, other in enumerate(others):
        changed = {name: value for name, value in headers(f"unrouted{number}", **other).items() if value is not None}
        with pytest.raises(pika.exceptions.UnroutableError):
            cluster.publish(exchange, "", changed, b"{}", mandatory=True)
    time.sleep(0.5)
    assert not [each for each in cluster.observed if each.case.startswith("unrouted")]


def test_own_exchanges_can_be_bound_to_the_broker_s(cluster: Cluster) -> None:
    channel, name = cluster.channel(), cluster.name
    channel.exchange_declare(f"{name}.commands", "direct", durable=True)
    channel.exchange_declare(f"{name}.events", "topic", durable=True)
    channel.exchange_declare(f"{name}.dlx", "fanout", durable=True)
    channel.exchange_bind(cluster.exchange("main"), f"{name}.commands", "row")
    channel.exchange_bind(cluster.exchange("main"), f"{name}.events", "#")
    channel.exchange_bind(cluster.exchange("main", is_for_dead_letters=True), f"{name}.dlx")
    cluster.publish(f"{name}.commands", "row", headers("command", replyto="q"), b"{}", mandatory=True)
    cluster.publish(f"{name}.events", "row", headers("event"), b"{}", mandatory=True)
    cluster.publish(f"{name}.dlx", "", headers("letter"), b"{}", mandatory=True)
    with pytest.raises(pika.exceptions.UnroutableError):
        cluster.publish(f"{name}.commands", "unbound", headers("unbound"), b"{}", mandatory=True)
    until(lambda: cluster.requests("command", "sink") and cluster.requests("event", "sink") and cluster.requests("letter", "letters"), 60)
    assert cluster.requests("command")[0].headers["ce-replyto"] == "q"
    assert not cluster.requests("letter", "sink")
    for each in ("commands", "events", "dlx"):
        channel.exchange_delete(f"{name}.{each}")


def test_a_queue_bound_to_an_own_exchange_gets_any_type(cluster: Cluster) -> None:
    channel, exchange = cluster.channel(), f"{cluster.name}.direct"
    channel.exchange_declare(exchange, "direct", durable=True)
    channel.queue_bind(cluster.queue("rows"), exchange, "rows")
    cluster.publish(exchange, "rows", headers("addressed", type="another.type"), b"{}", mandatory=True)
    until(lambda: cluster.requests("addressed", "sink"), 60)
    channel.exchange_delete(exchange)


def test_a_delay_queue_returns_messages_unchanged(cluster: Cluster) -> None:
    channel, name = cluster.channel(), cluster.name
    channel.exchange_declare(f"{name}.back", "direct", durable=True)
    channel.exchange_declare(f"{name}.delay", "fanout", durable=True)
    arguments = {
        "x-queue-type": "quorum", "x-message-ttl": 1000, "x-dead-letter-exchange": f"{name}.back",
        "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish",
    }  # fmt: skip
    channel.queue_declare(f"{name}.delay", durable=True, arguments=arguments)
    channel.queue_bind(f"{name}.delay", f"{name}.delay")
    channel.queue_bind(cluster.queue("rows"), f"{name}.back", "rows")
    sent = time.time()
    cluster.publish(f"{name}.delay", "rows", headers("delayed", attempt="2"), b'{"a":1}', delivery_mode=2)
    until(lambda: cluster.requests("delayed", "sink"), 60)
    (request,) = cluster.requests("delayed", "sink")
    assert (request.headers["ce-attempt"], request.body) == ("2", b'{"a":1}')
    assert request.at - sent >= 0.9
    channel.queue_delete(f"{name}.delay")
    channel.exchange_delete(f"{name}.delay")
    channel.exchange_delete(f"{name}.back")


def test_an_event_in_the_response_is_a_new_event(cluster: Cluster) -> None:
    cluster.trigger("replies", "main", cluster.subscriber("letters"), filter={"attributes": {"type": "row.replied"}})
    cluster.ready("Trigger", "replies")
    cluster.publish(cluster.exchange("main"), "", headers("reply", answers="event", replytype="row.replied"), b"{}")
    until(lambda: cluster.requests("reply", "letters"), 60)
    assert cluster.requests("reply", "letters")[0].headers["ce-type"] == "row.replied"
    assert cluster.requests("reply", "letters")[0].body == b'{"reply":true}'


def test_a_message_that_expires_in_the_queue_is_dead_lettered(cluster: Cluster) -> None:
    """The dispatcher prefetches 100 messages; those behind them can expire."""
    cluster.trigger("stuck", "main", cluster.subscriber("sink"), filter={"attributes": {"type": "stuck"}}, delivery={"retry": 0})
    cluster.ready("Trigger", "stuck")
    exchange = cluster.exchange("main")
    for number in range(100):
        cluster.publish(exchange, "", headers("stuck", "stuck", answers="hang") | {"id": f"stuck-{number}"}, b"{}")
    until(lambda: cluster.requests("stuck"), 60)
    cluster.publish(exchange, "", headers("expired", "stuck"), b"{}", expiration="500")
    until(lambda: cluster.requests("expired", "letters"), 60)
    assert "ce-knativeerrorcode" not in cluster.requests("expired", "letters")[0].headers
    cluster.delete("Trigger", "stuck")


def test_spec_filters_is_ignored_or_refused(cluster: Cluster) -> None:
    """A cluster ignores spec.filters: a Trigger with nothing else gets every event. The one-machine API refuses the field."""
    try:
        cluster.trigger("filters", "main", cluster.subscriber("letters"), filters=[{"exact": {"type": "never"}}])
    except ApiException as refused:
        assert refused.status == 400
        assert 'unknown field \\"spec.filters\\"' in str(refused.body)
        return
    cluster.ready("Trigger", "filters")
    cluster.publish(cluster.exchange("main"), "", headers("filters", "anything"), b"{}")
    until(lambda: cluster.requests("filters", "letters"), 60)
    cluster.delete("Trigger", "filters")


def test_the_delivery_of_a_trigger_replaces_the_broker_s(cluster: Cluster) -> None:
    delivery = {"retry": 1, "backoffDelay": "PT0.2S"}
    cluster.trigger("own", "main", cluster.subscriber("sink"), filter={"attributes": {"type": "own"}}, delivery=delivery)
    cluster.ready("Trigger", "own")
    cluster.publish(cluster.exchange("main"), "", headers("own", "own", answers="500"), b"{}")
    until(lambda: len(cluster.requests("own", "sink")) == 2, 60)
    time.sleep(1.5)
    assert len(cluster.requests("own", "sink")) == 2
    assert not cluster.requests("own", "letters"), "without its own deadLetterSink failures are dropped"


def test_a_refused_connection_is_dead_lettered(cluster: Cluster) -> None:
    cluster.trigger("refused", "main", {"uri": "http://127.0.0.1:9/"}, filter={"attributes": {"type": "refused"}})
    cluster.ready("Trigger", "refused")
    cluster.publish(cluster.exchange("main"), "", headers("refused", "refused"), b"{}")
    until(lambda: cluster.requests("refused", "letters"), 60)
    (dead_letter,) = cluster.requests("refused", "letters")
    assert (dead_letter.headers["ce-knativeerrorcode"], dead_letter.headers["ce-knativeerrordest"]) == ("-1", "http://127.0.0.1:9/")


def test_the_default_parallelism_is_one(cluster: Cluster, mode: str) -> None:
    """Each message waits for the one before it, including its retries."""
    trigger, kind, sink = ("serial", "serial", "sink") if mode == "pushed" else ("consumed-serial", "consumed.serial", "consumer")
    if mode == "pushed":
        cluster.trigger(trigger, "main", cluster.subscriber(sink), filter={"attributes": {"type": kind}})
        cluster.ready("Trigger", trigger)
    else:
        cluster.wait_until_paused(trigger)
    for number in range(5):
        responses = "503 204" if number == 0 else "204"
        cluster.publish(cluster.exchange("main"), "", headers("serial", kind, answers=responses, n=str(number)) | {"id": f"serial-{number}"}, b"{}")
    received = until(
        lambda: [each for each in cluster.requests("serial", sink) if each.headers["ce-n"] == "4"] and cluster.requests("serial", sink), 60
    )
    order = [number for number, _ in groupby(each.headers["ce-n"] for each in received)]
    if mode == "pushed":
        assert order == ["0", "1", "2", "3", "4"] and len(received) == 6
    else:  # a message that the function returns may follow the next one, because two consumers share the queue then
        assert [number for number in order if number != "0"] == ["1", "2", "3", "4"]
        assert [each.mode for each in received if each.headers["ce-n"] == "0"] == ["consumed", "pushed", "pushed"] and len(received) == 7


def test_a_broker_without_dead_letters_has_no_exchange_for_them(cluster: Cluster) -> None:
    cluster.broker("bare", None)
    cluster.ready("Broker", "bare")
    assert len(cluster.list("Exchange", "eventing.knative.dev/broker=bare")) == 1
    cluster.delete("Broker", "bare")


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        ("Broker", "main", {"spec": {"delivery": {"retry": 9}}}),
        ("Trigger", "rows", {"spec": {"filter": {"attributes": {"type": "other"}}}}),
        ("RabbitmqBrokerConfig", "main", {"spec": {"queueType": "classic"}}),
    ],
)
def test_immutable_fields(cluster: Cluster, kind: str, name: str, change: dict[str, Any]) -> None:
    with pytest.raises(ApiException) as refused:
        cluster.patch(kind, name, change)
    assert refused.value.status in (400, 403, 422)


def test_a_roll_out_dead_letters_prefetched_messages(cluster: Cluster) -> None:
    """A new dispatcher replaces the old one, which gets SIGTERM: messages in flight or prefetched get code -1."""
    cluster.trigger(
        "rolled", "main", cluster.subscriber("sink"), 2, filter={"attributes": {"type": "rolled"}}, delivery=_dead_letter_delivery(cluster)
    )
    cluster.ready("Trigger", "rolled")
    for number in range(4):
        cluster.publish(cluster.exchange("main"), "", headers("rolled", "rolled", answers="hang") | {"id": f"rolled-{number}"}, b"{}")
    until(lambda: len(cluster.requests("rolled", "sink")) == 2, 60)
    cluster.patch("Trigger", "rolled", {"metadata": {"annotations": {"rabbitmq.eventing.knative.dev/parallelism": "3"}}})
    until(lambda: len(cluster.requests("rolled", "letters")) == 4, 60)
    assert {request.headers["ce-knativeerrorcode"] for request in cluster.requests("rolled", "letters")} == {"-1"}
    assert len(cluster.requests("rolled", "sink")) == 2


def _dead_letter_delivery(cluster: Cluster) -> dict[str, Any]:
    return {"retry": 0, "deadLetterSink": cluster.subscriber("letters")}


def test_a_killed_dispatcher_leaves_its_messages_queued(cluster: Cluster) -> None:
    cluster.trigger("killed", "main", cluster.subscriber("sink"), filter={"attributes": {"type": "killed"}}, delivery=_dead_letter_delivery(cluster))
    cluster.ready("Trigger", "killed")
    released = f"from-{time.time() + 6:.0f}"
    for number in range(3):
        message = headers("killed", "killed", answers=released if number == 0 else "204") | {"id": f"killed-{number}"}
        cluster.publish(cluster.exchange("main"), "", message, b"{}", delivery_mode=2)
    until(lambda: cluster.requests("killed", "sink"), 60)
    cluster.kill_dispatcher("killed")
    until(lambda: {request.headers["ce-id"] for request in cluster.requests("killed", "sink")} == {f"killed-{number}" for number in range(3)}, 90)
    time.sleep(1)
    assert not cluster.requests("killed", "letters")
