"""Brokers, Triggers, exchanges and queues: what a kubeconfig and an AMQP address show of them."""

import time
from itertools import groupby
from typing import Any

import pika
import pytest
from kubernetes.client.rest import ApiException

from tests.knative.conformance.cluster import Cluster, until
from tests.knative.conformance.test_messages import GOOD


def headers(case: str, type: str = "row", **more: Any) -> dict[str, Any]:
    return {**GOOD, "id": f"id-{case}", "case": case, "type": type, **more}


def test_the_exchange_matches_unprefixed_headers_exactly(cluster: Cluster) -> None:
    exchange = cluster.exchange("main")
    cluster.channel().exchange_declare(exchange, "headers", durable=True, passive=True)
    cluster.publish(exchange, "", headers("routed"), b"{}", mandatory=True)
    until(lambda: cluster.seen("routed"), 60)
    others: tuple[dict[str, Any], ...] = ({"type": "Row"}, {"type": "row "}, {"type": None, "ce-type": "row"})
    for number, other in enumerate(others):
        changed = {name: value for name, value in headers(f"unrouted{number}", **other).items() if value is not None}
        with pytest.raises(pika.exceptions.UnroutableError):
            cluster.publish(exchange, "", changed, b"{}", mandatory=True)
    time.sleep(0.5)
    assert not [each for each in cluster.observed if each.case.startswith("unrouted")]


def test_exchanges_of_ours_bound_to_the_brokers(cluster: Cluster) -> None:
    channel, name = cluster.channel(), cluster.name
    channel.exchange_declare(f"{name}.commands", "direct", durable=True)
    channel.exchange_declare(f"{name}.events", "topic", durable=True)
    channel.exchange_declare(f"{name}.dlx", "fanout", durable=True)
    channel.exchange_bind(cluster.exchange("main"), f"{name}.commands", "row")
    channel.exchange_bind(cluster.exchange("main"), f"{name}.events", "#")
    channel.exchange_bind(cluster.exchange("main", dead=True), f"{name}.dlx")
    cluster.publish(f"{name}.commands", "row", headers("command", replyto="q"), b"{}", mandatory=True)
    cluster.publish(f"{name}.events", "row", headers("event"), b"{}", mandatory=True)
    cluster.publish(f"{name}.dlx", "", headers("letter"), b"{}", mandatory=True)
    with pytest.raises(pika.exceptions.UnroutableError):
        cluster.publish(f"{name}.commands", "unbound", headers("unbound"), b"{}", mandatory=True)
    until(lambda: cluster.seen("command", "sink") and cluster.seen("event", "sink") and cluster.seen("letter", "letters"), 60)
    assert cluster.seen("command")[0].headers["ce-replyto"] == "q"
    assert not cluster.seen("letter", "sink")
    for each in ("commands", "events", "dlx"):
        channel.exchange_delete(f"{name}.{each}")


def test_a_queue_bound_under_a_name_of_ours_gets_any_type(cluster: Cluster) -> None:
    channel, exchange = cluster.channel(), f"{cluster.name}.direct"
    channel.exchange_declare(exchange, "direct", durable=True)
    channel.queue_bind(cluster.queue("rows"), exchange, "rows")
    cluster.publish(exchange, "rows", headers("addressed", type="another.type"), b"{}", mandatory=True)
    until(lambda: cluster.seen("addressed", "sink"), 60)
    channel.exchange_delete(exchange)


def test_a_delay_queue_gives_the_message_back_whole(cluster: Cluster) -> None:
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
    until(lambda: cluster.seen("delayed", "sink"), 60)
    (seen,) = cluster.seen("delayed", "sink")
    assert (seen.headers["ce-attempt"], seen.body) == ("2", b'{"a":1}')
    assert seen.at - sent >= 0.9
    channel.queue_delete(f"{name}.delay")
    channel.exchange_delete(f"{name}.delay")
    channel.exchange_delete(f"{name}.back")


def test_an_event_in_the_answer_is_a_new_event(cluster: Cluster) -> None:
    cluster.trigger("replies", "main", cluster.subscriber("letters"), filter={"attributes": {"type": "row.replied"}})
    cluster.ready("Trigger", "replies")
    cluster.publish(cluster.exchange("main"), "", headers("reply", answers="event", replytype="row.replied"), b"{}")
    until(lambda: cluster.seen("reply", "letters"), 60)
    assert cluster.seen("reply", "letters")[0].headers["ce-type"] == "row.replied"
    assert cluster.seen("reply", "letters")[0].body == b'{"reply":true}'


def test_what_expires_in_the_queue_is_a_dead_letter(cluster: Cluster) -> None:
    """The dispatcher has 100 prefetched; what lies behind them expires."""
    cluster.trigger("stuck", "main", cluster.subscriber("sink"), filter={"attributes": {"type": "stuck"}}, delivery={"retry": 0})
    cluster.ready("Trigger", "stuck")
    exchange = cluster.exchange("main")
    for number in range(100):
        cluster.publish(exchange, "", headers("stuck", "stuck", answers="hang") | {"id": f"stuck-{number}"}, b"{}")
    until(lambda: cluster.seen("stuck"), 60)
    cluster.publish(exchange, "", headers("expired", "stuck"), b"{}", expiration="500")
    until(lambda: cluster.seen("expired", "letters"), 60)
    assert "ce-knativeerrorcode" not in cluster.seen("expired", "letters")[0].headers
    cluster.delete("Trigger", "stuck")


def test_only_filter_attributes_count(cluster: Cluster) -> None:
    """spec.filters is ignored: with it alone, a Trigger gets everything. The one-machine API refuses the field, so nobody is fooled."""
    try:
        cluster.trigger("filters", "main", cluster.subscriber("letters"), filters=[{"exact": {"type": "never"}}])
    except ApiException as refused:
        assert refused.status == 400
        assert 'unknown field \\"spec.filters\\"' in str(refused.body)
        return
    cluster.ready("Trigger", "filters")
    cluster.publish(cluster.exchange("main"), "", headers("filters", "anything"), b"{}")
    until(lambda: cluster.seen("filters", "letters"), 60)
    cluster.delete("Trigger", "filters")


def test_a_triggers_delivery_replaces_the_brokers(cluster: Cluster) -> None:
    delivery = {"retry": 1, "backoffDelay": "PT0.2S"}
    cluster.trigger("own", "main", cluster.subscriber("sink"), filter={"attributes": {"type": "own"}}, delivery=delivery)
    cluster.ready("Trigger", "own")
    cluster.publish(cluster.exchange("main"), "", headers("own", "own", answers="500"), b"{}")
    until(lambda: len(cluster.seen("own", "sink")) == 2, 60)
    time.sleep(1.5)
    assert len(cluster.seen("own", "sink")) == 2
    assert not cluster.seen("own", "letters"), "without a deadLetterSink of its own it loses what fails"


def test_a_refused_connection_is_a_dead_letter(cluster: Cluster) -> None:
    cluster.trigger("refused", "main", {"uri": "http://127.0.0.1:9/"}, filter={"attributes": {"type": "refused"}})
    cluster.ready("Trigger", "refused")
    cluster.publish(cluster.exchange("main"), "", headers("refused", "refused"), b"{}")
    until(lambda: cluster.seen("refused", "letters"), 60)
    (letter,) = cluster.seen("refused", "letters")
    assert (letter.headers["ce-knativeerrorcode"], letter.headers["ce-knativeerrordest"]) == ("-1", "http://127.0.0.1:9/")


def test_one_at_a_time_unless_told_otherwise(cluster: Cluster, way: str) -> None:
    """The default parallelism is 1: each waits for the one before, its retries included."""
    trigger, kind, sink = ("serial", "serial", "sink") if way == "pushed" else ("taken-one", "taken.one", "taker")
    if way == "pushed":
        cluster.trigger(trigger, "main", cluster.subscriber(sink), filter={"attributes": {"type": kind}})
        cluster.ready("Trigger", trigger)
    else:
        cluster.until_it_consumes(trigger)
    for number in range(5):
        answers = "503 204" if number == 0 else "204"
        cluster.publish(cluster.exchange("main"), "", headers("serial", kind, answers=answers, n=str(number)) | {"id": f"serial-{number}"}, b"{}")
    seen = until(lambda: [each for each in cluster.seen("serial", sink) if each.headers["ce-n"] == "4"] and cluster.seen("serial", sink), 60)
    order = [number for number, _ in groupby(each.headers["ce-n"] for each in seen)]
    if way == "pushed":
        assert order == ["0", "1", "2", "3", "4"] and len(seen) == 6
    else:  # what the function gives back may come behind the next one, for two take from the queue then; and it is pushed as if for the first time
        assert [number for number in order if number != "0"] == ["1", "2", "3", "4"]
        assert [each.way for each in seen if each.headers["ce-n"] == "0"] == ["consumed", "pushed", "pushed"] and len(seen) == 7


def test_a_broker_without_dead_letters_has_no_exchange_for_them(cluster: Cluster) -> None:
    cluster.broker("bare", None)
    cluster.ready("Broker", "bare")
    assert len(cluster.listed("Exchange", "eventing.knative.dev/broker=bare")) == 1
    cluster.delete("Broker", "bare")


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        ("Broker", "main", {"spec": {"delivery": {"retry": 9}}}),
        ("Trigger", "rows", {"spec": {"filter": {"attributes": {"type": "other"}}}}),
        ("RabbitmqBrokerConfig", "main", {"spec": {"queueType": "classic"}}),
    ],
)
def test_what_cannot_change(cluster: Cluster, kind: str, name: str, change: dict[str, Any]) -> None:
    with pytest.raises(ApiException) as refused:
        cluster.patch(kind, name, change)
    assert refused.value.status in (400, 403, 422)


def test_a_roll_out_sends_what_was_prefetched_to_the_dead_letters(cluster: Cluster) -> None:
    """A new dispatcher replaces the old one, which is stopped by SIGTERM: in flight or only prefetched, code -1."""
    cluster.trigger("rolled", "main", cluster.subscriber("sink"), 2, filter={"attributes": {"type": "rolled"}}, delivery=_letters(cluster))
    cluster.ready("Trigger", "rolled")
    for number in range(4):
        cluster.publish(cluster.exchange("main"), "", headers("rolled", "rolled", answers="hang") | {"id": f"rolled-{number}"}, b"{}")
    until(lambda: len(cluster.seen("rolled", "sink")) == 2, 60)
    cluster.patch("Trigger", "rolled", {"metadata": {"annotations": {"rabbitmq.eventing.knative.dev/parallelism": "3"}}})
    until(lambda: len(cluster.seen("rolled", "letters")) == 4, 60)
    assert {seen.headers["ce-knativeerrorcode"] for seen in cluster.seen("rolled", "letters")} == {"-1"}
    assert len(cluster.seen("rolled", "sink")) == 2


def _letters(cluster: Cluster) -> dict[str, Any]:
    return {"retry": 0, "deadLetterSink": cluster.subscriber("letters")}


def test_a_killed_dispatcher_leaves_its_messages_queued(cluster: Cluster) -> None:
    cluster.trigger("killed", "main", cluster.subscriber("sink"), filter={"attributes": {"type": "killed"}}, delivery=_letters(cluster))
    cluster.ready("Trigger", "killed")
    released = f"from-{time.time() + 6:.0f}"
    for number in range(3):
        asked = headers("killed", "killed", answers=released if number == 0 else "204") | {"id": f"killed-{number}"}
        cluster.publish(cluster.exchange("main"), "", asked, b"{}", delivery_mode=2)
    until(lambda: cluster.seen("killed", "sink"), 60)
    cluster.kill_dispatcher("killed")
    until(lambda: {seen.headers["ce-id"] for seen in cluster.seen("killed", "sink")} == {f"killed-{number}" for number in range(3)}, 90)
    time.sleep(1)
    assert not cluster.seen("killed", "letters")
