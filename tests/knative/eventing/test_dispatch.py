"""The pure rules: message → request → answer → fate, by CONTRACT.md and the Go code behind it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from knative.local.eventing import dispatch
from knative.local.eventing.dispatch import Acknowledged, Answer, Backoff, BadDelivery, DeadLetter, Lost, Policy, Request, Retry

TO = "http://sink.test.svc.cluster.local"
GOOD = {"specversion": "1.0", "id": "1", "source": "/s", "type": "user.created", "time": "2026-01-02T03:04:05Z", "content-type": "application/json"}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def opened(**change: Any) -> Request | Lost | DeadLetter:
    headers = GOOD | {name.replace("__", "-"): value for name, value in change.items()}
    return dispatch.opened({name: value for name, value in headers.items() if value is not None}, None, b"{}", TO)


def request(**change: Any) -> Request:
    made = opened(**change)
    assert isinstance(made, Request), made
    return made


def test_the_headers_of_a_message_become_a_binary_cloud_event() -> None:
    made = dispatch.opened({**GOOD, "replyto": "q.1", "correlationid": "c", "attempt": 3, "urgent": True}, "text/plain", b"{}", TO)
    assert isinstance(made, Request)
    assert made.headers == {
        "Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/s", "Ce-Type": "user.created", "Ce-Time": "2026-01-02T03:04:05Z",
        "Content-Type": "application/json", "Ce-Replyto": "q.1", "Ce-Correlationid": "c", "Ce-Attempt": "3", "Ce-Urgent": "true",
    }  # fmt: skip
    assert made.event.data == b"{}"


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
def test_a_message_that_is_no_event_is_acknowledged_and_lost(change: dict[str, Any], why: str) -> None:
    made = opened(**change)
    assert isinstance(made, Lost)
    assert why in made.reason


def test_only_prefixed_headers_are_lost() -> None:
    headers = {f"cloudEvents:{name}": value for name, value in GOOD.items()}
    assert isinstance(dispatch.opened(headers, "application/json", b"{}", TO), Lost)


@pytest.mark.parametrize("change", [{"type": None}, {"type": "  "}, {"content__type": "not a type"}, {"note": "two\nlines"}])
def test_an_event_that_the_sdk_refuses_goes_to_the_dead_letters_unseen(change: dict[str, Any]) -> None:
    made = opened(**change)
    assert isinstance(made, DeadLetter)
    assert made.code == -1


@pytest.mark.parametrize("change", [{"id": None}, {"time": None}, {"time": "0001-01-01T00:00:00Z"}])
def test_an_event_without_an_id_or_a_time_is_given_one(change: dict[str, Any]) -> None:
    """The dispatcher's client completes what it sends, and nothing else: a dead letter is still without it."""
    (name,) = change
    made, again = request(**change), request(**change)
    value = made.headers[f"Ce-{name.capitalize()}"]
    assert value not in ("", "0001-01-01T00:00:00Z")
    assert value != again.headers[f"Ce-{name.capitalize()}"]
    assert not made.event.get(name)


@pytest.mark.parametrize(
    ("sent", "came"),
    [
        ("2026-01-02T03:04:05.120Z", "2026-01-02T03:04:05.12Z"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z"),
        ("2026-01-01T00:30:00.000001-05:30", "2026-01-01T06:00:00.000001Z"),
    ],
)
def test_time_is_written_in_utc(sent: str, came: str) -> None:
    assert request(time=sent).headers["Ce-Time"] == came


def test_x_headers_are_dropped_and_names_are_lowered() -> None:
    made = request(**{"x-death": [{"count": 1}], "X-Custom": "1", "Actor": "u", "ce-subject": "s"})
    assert not [name for name in made.headers if name.lower().startswith(("ce-x", "x-"))]
    assert made.headers["Ce-Actor"] == "u"
    assert made.headers["Ce-Subject"] == "s"


def test_a_source_is_made_up_when_there_is_none() -> None:
    assert request(source=None).headers["Ce-Source"] == "/apis/v1/namespaces//rabbitmqsources/rabbitmq-dispatcher"


def test_the_content_type_comes_from_a_header_only() -> None:
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
def test_the_trace_goes_on_only_in_pairs(change: dict[str, str], forwarded: dict[str, str]) -> None:
    headers = request(**change).headers
    assert {name: value for name, value in headers.items() if "race" in name} == forwarded


def test_a_structured_message_is_told_by_the_property() -> None:
    body = b'{"specversion":"1.0","id":"9","source":"/s","type":"t","n":3,"data":{"a":1}}'
    made = dispatch.opened({}, "application/cloudevents+json; charset=utf-8", body, TO)
    assert isinstance(made, Request)
    assert made.headers["Ce-N"] == "3"
    assert made.event.data == b'{"a":1}'
    assert isinstance(dispatch.opened({}, "application/cloudevents+json", b"nonsense", TO), Lost)


RETRIED = [500, 502, 503, 504, 599, 404, 408, 409, 429]
SUCCESS = [200, 201, 202, 204, 301, 302, 304, 400, 401, 403, 410, 418, 422]


@pytest.mark.parametrize("status", SUCCESS)
def test_success_is_acknowledged(status: int) -> None:
    assert dispatch.fate(request(), Answer(status, {}), 1, Policy(retry=3), TO) == Acknowledged()


@pytest.mark.parametrize("status", [*RETRIED, None])
def test_failure_is_retried_and_then_a_dead_letter(status: int | None) -> None:
    answer = Answer(status, {}) if status else None
    policy = Policy(retry=2, delay=0.5)
    assert dispatch.fate(request(), answer, 1, policy, TO) == Retry(1.0)
    assert dispatch.fate(request(), answer, 2, policy, TO) == Retry(2.0)
    last = dispatch.fate(request(extra="e"), answer, 3, policy, TO)
    assert isinstance(last, DeadLetter)
    assert last.headers == {**GOOD, "extra": "e", "knativeerrordest": TO, "knativeerrorcode": status or -1}
    assert last.message_id == "1"


def test_linear_backoff() -> None:
    policy = Policy.of({"retry": 4, "backoffPolicy": "linear", "backoffDelay": "PT0.3S", "timeout": "PT1M30S"})
    assert (policy.backoff, policy.timeout) == (Backoff.LINEAR, 90)
    assert [round(policy.wait(n), 2) for n in (1, 2, 3)] == [0.3, 0.6, 0.9]


def test_what_a_delivery_leaves_out() -> None:
    assert Policy.of(None) == Policy(retry=0, delay=0.05, timeout=None)
    assert Policy.of({}) == Policy(retry=5, delay=0.05, timeout=None)
    assert Policy.of({"timeout": "PT5S"}, dead_letters=True).timeout is None


@pytest.mark.parametrize("delivery", [{"backoffDelay": "PT0.05S"}, {"backoffDelay": "1s"}, {"backoffPolicy": "random"}, {"timeout": "PT"}])
def test_a_delivery_that_crashes_the_real_one_is_refused(delivery: dict[str, str]) -> None:
    with pytest.raises(BadDelivery):
        Policy.of(delivery)


def test_a_cloud_event_in_the_answer_is_a_new_event() -> None:
    headers = {"ce-specversion": "1.0", "Ce-Id": "2", "ce-type": "done", "ce-source": "/f", "content-type": "application/json"}
    done = dispatch.fate(request(), Answer(200, headers, b"[]"), 1, Policy(), TO)
    assert isinstance(done, Acknowledged)
    assert done.reply is not None
    assert (done.reply.get("type"), done.reply.data) == ("done", b"[]")
    assert dispatch.fate(request(), Answer(200, {"content-type": "application/json"}, b"{}"), 1, Policy(), TO) == Acknowledged()
    assert dispatch.fate(request(), Answer(200, {**headers, "ce-bad_name": "x"}, b"{}"), 1, Policy(), TO) == Acknowledged()


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
def test_values_are_printed_as_go_prints_them(value: object, text: str) -> None:
    assert dispatch.printed(value) == text
