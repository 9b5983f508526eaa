"""The rules of a delivery: message → request → response → outcome, as in eventing-rabbitmq."""

from datetime import UTC, datetime
from typing import Any

import pytest

from functions.wire import knative_requests
from functions.wire.knative_requests import DeadLetter, Lost, Request, Response
from knative.local.eventing import dispatch
from knative.local.eventing.delivery import Backoff, DeliveryPolicy, InvalidDelivery
from knative.local.eventing.dispatch import Acknowledged, Retry

DESTINATION = "http://sink.test.svc.cluster.local"
GOOD = {"specversion": "1.0", "id": "1", "source": "/s", "type": "user.created", "time": "2026-01-02T03:04:05Z", "content-type": "application/json"}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def prepare(**change: Any) -> Request | Lost | DeadLetter:
    headers = GOOD | {name.replace("__", "-"): value for name, value in change.items()}
    return knative_requests.prepare_request({name: value for name, value in headers.items() if value is not None}, None, b"{}", DESTINATION)


def request(**change: Any) -> Request:
    prepared = prepare(**change)
    assert isinstance(prepared, Request), prepared
    return prepared


def test_the_headers_of_a_message_become_a_binary_cloudevent() -> None:
    prepared = knative_requests.prepare_request(
        {**GOOD, "replyto": "q.1", "correlationid": "c", "attempt": 3, "urgent": True}, "text/plain", b"{}", DESTINATION
    )
    assert isinstance(prepared, Request)
    assert prepared.headers == {
        "Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/s", "Ce-Type": "user.created", "Ce-Time": "2026-01-02T03:04:05Z",
        "Content-Type": "application/json", "Ce-Replyto": "q.1", "Ce-Correlationid": "c", "Ce-Attempt": "3", "Ce-Urgent": "true",
    }  # fmt: skip
    assert prepared.event.data == b"{}"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"specversion": None}, "no specversion"),
        ({"specversion": "2.0"}, "specversion '2.0'"),
        ({"time": "yesterday"}, "RFC 3339"),
        ({"time": ""}, "RFC 3339"),
        ({"time": "2026-01-02 03:04:05Z"}, "RFC 3339"),
        ({"time": "2026-13-02T03:04:05Z"}, "2026-13"),
        ({"time": datetime(2026, 1, 2, tzinfo=UTC)}, "RFC 3339"),
        ({"reply_to": "q"}, "'reply_to'"),
        ({"reply__to": "q"}, "'reply-to'"),
        ({"id": " "}, "non-empty"),
        ({"source": "%zz"}, "URI"),
        ({"source": ":x"}, "URI"),
        ({"cloudEvents:type": "t"}, "cloudevents:type"),
    ],
)
def test_a_malformed_message_is_acknowledged_and_lost(change: dict[str, Any], why: str) -> None:
    prepared = prepare(**change)
    assert isinstance(prepared, Lost)
    assert why in prepared.reason


def test_a_message_with_only_prefixed_headers_is_lost() -> None:
    headers = {f"cloudEvents:{name}": value for name, value in GOOD.items()}
    assert isinstance(knative_requests.prepare_request(headers, "application/json", b"{}", DESTINATION), Lost)


@pytest.mark.parametrize("change", [{"type": None}, {"type": "  "}, {"content__type": "not a type"}, {"note": "two\nlines"}])
def test_an_event_that_the_sdk_refuses_is_dead_lettered_without_delivery(change: dict[str, Any]) -> None:
    prepared = prepare(**change)
    assert isinstance(prepared, DeadLetter)
    assert prepared.code == -1


@pytest.mark.parametrize("change", [{"id": None}, {"time": None}, {"time": "0001-01-01T00:00:00Z"}])
def test_an_event_without_id_or_time_gets_one(change: dict[str, Any]) -> None:
    """The dispatcher's HTTP client adds them. A dead letter does not have them."""
    (name,) = change
    prepared, again = request(**change), request(**change)
    value = prepared.headers[f"Ce-{name.capitalize()}"]
    assert value not in ("", "0001-01-01T00:00:00Z")
    assert value != again.headers[f"Ce-{name.capitalize()}"]
    assert not prepared.event.get(name)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2026-01-02T03:04:05.120Z", "2026-01-02T03:04:05.12Z"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z"),
        ("2026-01-01T00:30:00.000001-05:30", "2026-01-01T06:00:00.000001Z"),
    ],
)
def test_time_is_written_in_utc(sent: str, expected: str) -> None:
    assert request(time=sent).headers["Ce-Time"] == expected


def test_x_headers_are_dropped_and_names_become_lower_case() -> None:
    prepared = request(**{"x-death": [{"count": 1}], "X-Custom": "1", "Actor": "u", "ce-subject": "s"})
    assert not [name for name in prepared.headers if name.lower().startswith(("ce-x", "x-"))]
    assert prepared.headers["Ce-Actor"] == "u"
    assert prepared.headers["Ce-Subject"] == "s"


def test_an_event_without_source_gets_a_default() -> None:
    assert request(source=None).headers["Ce-Source"] == "/apis/v1/namespaces//rabbitmqsources/rabbitmq-dispatcher"


def test_the_content_type_comes_from_the_header() -> None:
    assert "Content-Type" not in request(**{"content__type": None}).headers
    assert request(**{"content__type": None, "datacontenttype": "text/csv"}).headers["Content-Type"] == "text/csv"


@pytest.mark.parametrize(
    ("change", "forwarded"),
    [
        ({"traceparent": PARENT}, {}),
        ({"traceparent": PARENT, "tracestate": ""}, {"Traceparent": PARENT}),
        ({"traceparent": PARENT, "tracestate": "a=b"}, {"Traceparent": PARENT, "Tracestate": "a=b"}),
        ({"traceparent": "nonsense", "tracestate": ""}, {}),
        ({"tracestate": "a=b"}, {}),
    ],
)
def test_the_trace_is_forwarded_only_with_both_headers(change: dict[str, str], forwarded: dict[str, str]) -> None:
    headers = request(**change).headers
    assert {name: value for name, value in headers.items() if "race" in name} == forwarded


def test_a_structured_message_is_recognized_by_its_content_type() -> None:
    body = b'{"specversion":"1.0","id":"9","source":"/s","type":"t","n":3,"data":{"a":1}}'
    prepared = knative_requests.prepare_request({}, "application/cloudevents+json; charset=utf-8", body, DESTINATION)
    assert isinstance(prepared, Request)
    assert prepared.headers["Ce-N"] == "3"
    assert prepared.event.data == b'{"a":1}'
    assert isinstance(knative_requests.prepare_request({}, "application/cloudevents+json", b"nonsense", DESTINATION), Lost)


RETRIED = [500, 502, 503, 504, 599, 404, 408, 409, 429]
SUCCESS = [200, 201, 202, 204, 301, 302, 304, 400, 401, 403, 410, 418, 422]


@pytest.mark.parametrize("status", SUCCESS)
def test_success_is_acknowledged(status: int) -> None:
    assert dispatch.decide(request(), Response(status, {}), 1, DeliveryPolicy(retry=3), DESTINATION) == Acknowledged()


@pytest.mark.parametrize("status", [*RETRIED, None])
def test_failure_is_retried_and_then_dead_lettered(status: int | None) -> None:
    response = Response(status, {}) if status else None
    policy = DeliveryPolicy(retry=2, delay_seconds=0.5)
    assert dispatch.decide(request(), response, 1, policy, DESTINATION) == Retry(1.0)
    assert dispatch.decide(request(), response, 2, policy, DESTINATION) == Retry(2.0)
    last = dispatch.decide(request(extra="e"), response, 3, policy, DESTINATION)
    assert isinstance(last, DeadLetter)
    assert last.headers == {**GOOD, "extra": "e", "knativeerrordest": DESTINATION, "knativeerrorcode": status or -1}
    assert last.message_id == "1"


def test_linear_backoff() -> None:
    policy = DeliveryPolicy.from_spec({"retry": 4, "backoffPolicy": "linear", "backoffDelay": "PT0.3S", "timeout": "PT1M30S"})
    assert (policy.backoff, policy.timeout_seconds) == (Backoff.LINEAR, 90)
    assert [round(policy.backoff_seconds(n), 2) for n in (1, 2, 3)] == [0.3, 0.6, 0.9]


def test_defaults_of_a_delivery() -> None:
    assert DeliveryPolicy.from_spec(None) == DeliveryPolicy(retry=0, delay_seconds=0.05, timeout_seconds=None)
    assert DeliveryPolicy.from_spec({}) == DeliveryPolicy(retry=5, delay_seconds=0.05, timeout_seconds=None)
    assert DeliveryPolicy.from_spec({"timeout": "PT5S"}, is_for_dead_letters=True).timeout_seconds is None


@pytest.mark.parametrize("delivery", [{"backoffDelay": "PT0.05S"}, {"backoffDelay": "1s"}, {"backoffPolicy": "random"}, {"timeout": "PT"}])
def test_a_delivery_that_crashes_the_real_dispatcher_is_refused(delivery: dict[str, str]) -> None:
    with pytest.raises(InvalidDelivery):
        DeliveryPolicy.from_spec(delivery)


def test_a_cloudevent_in_the_response_is_a_new_event() -> None:
    headers = {"ce-specversion": "1.0", "Ce-Id": "2", "ce-type": "done", "ce-source": "/f", "content-type": "application/json"}
    done = dispatch.decide(request(), Response(200, headers, b"[]"), 1, DeliveryPolicy(), DESTINATION)
    assert isinstance(done, Acknowledged)
    assert done.reply is not None
    assert (done.reply.get("type"), done.reply.data) == ("done", b"[]")
    assert dispatch.decide(request(), Response(200, {"content-type": "application/json"}, b"{}"), 1, DeliveryPolicy(), DESTINATION) == Acknowledged()
    assert dispatch.decide(request(), Response(200, {**headers, "ce-bad_name": "x"}, b"{}"), 1, DeliveryPolicy(), DESTINATION) == Acknowledged()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (2.5, "2.5"),
        (3.0, "3"),
        (True, "true"),
        (None, "<nil>"),
        (b"ab", "[97 98]"),
        ([1, "a"], "[1 a]"),
        ({"b": 1, "a": 2}, "map[a:2 b:1]"),
    ],
)
def test_values_are_formatted_as_go_does(value: object, text: str) -> None:
    assert knative_requests.go_format(value) == text
