"""The rules of deliveries as a table: each row has a message, the responses to it, and the expected outcome.

All rows are published at once, directly to the Trigger's queue (routing has its own tests), and checked when everything
is over. So the tests also see what must *not* happen.

One table covers both modes. A function that consumes its queue settles what it answers with 2xx and returns everything
else, which the dispatcher then pushes by its own rules: one more request, and the same outcome.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import EllipsisType
from typing import Any

import pytest

from tests.knative.conformance.cluster import Cluster, Observation

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE_ID = PARENT[3:35]
VALID = {"specversion": "1.0", "source": "/conformance", "type": "row", "time": "2026-01-02T03:04:05Z", "content-type": "application/json"}


@dataclass(frozen=True)
class Row:
    name: str
    headers: Mapping[str, Any] = field(default_factory=dict)
    """Changes to a valid message; None removes a header."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    responses: str = "204"
    dead_letter_response: str = "204"
    attempts: int = 1
    """Requests to the function."""
    dead_letters: int = 0
    """Requests to the dead-letter sink."""
    code: int | None = None
    """knativeerrorcode of the dead letter."""
    has_headers: Mapping[str, str | EllipsisType] = field(default_factory=dict)
    """Headers of the request; `...` is any value."""
    lacks_headers: tuple[str, ...] = ()
    wait_seconds: tuple[float, ...] = ()
    """Between the attempts."""


def lost(name: str, headers: Mapping[str, Any], **more: Any) -> Row:
    return Row(name, headers, attempts=0, **more)


ROWS = [
    # --- messages on their way to a function
    Row(
        "headers are a binary event",
        has_headers={
            "ce-specversion": "1.0",
            "ce-source": "/conformance",
            "ce-type": "row",
            "ce-time": "2026-01-02T03:04:05Z",
            "content-type": "application/json",
        },
    ),
    Row("every other header is an extension", {"replyto": "q.1", "correlationid": "c"}, has_headers={"ce-replyto": "q.1", "ce-correlationid": "c"}),
    Row("numbers and booleans are formatted", {"attempt": 3, "urgent": True}, has_headers={"ce-attempt": "3", "ce-urgent": "true"}),
    Row("header names become lower case", {"Actor": "u"}, has_headers={"ce-actor": "u"}),
    Row("time is written in UTC", {"time": "2026-01-02T05:04:05.500+02:00"}, has_headers={"ce-time": "2026-01-02T03:04:05.5Z"}),
    Row("an event without a time gets one", {"time": None}, has_headers={"ce-time": ...}),
    lost("no specversion", {"specversion": None}),
    lost("an unknown specversion", {"specversion": "2.0"}),
    lost("an invalid time", {"time": "yesterday"}),
    lost("an underscore in a name", {"reply_to": "q"}),
    lost("a hyphen in a name", {"reply-to": "q"}),
    lost("a dot in a name", {"reply.to": "q"}),
    lost(
        "headers with the prefix of the AMQP binding",
        {**dict.fromkeys(VALID), "id": None, **{f"cloudEvents:{name}": value for name, value in VALID.items()}, "cloudEvents:id": "1"},
    ),
    Row(
        "x- headers are dropped",
        {"x-death": "1", "x-custom": "2", "X-Other": "3"},
        lacks_headers=("ce-x-death", "ce-x-custom", "ce-x-other", "x-other"),
    ),
    Row(
        "the content type does not come from the property",
        {"content-type": None},
        {"content_type": "application/json"},
        lacks_headers=("content-type",),
    ),
    Row(
        "the content type may be called datacontenttype",
        {"content-type": None, "datacontenttype": "text/csv"},
        has_headers={"content-type": "text/csv"},
    ),
    Row(
        "properties never reach the function",
        properties={"reply_to": "q", "correlation_id": "c", "message_id": "m", "app_id": "a", "type": "t"},
        lacks_headers=("ce-replyto", "ce-correlationid", "ce-messageid", "ce-appid", "reply-to", "correlation-id"),
    ),
    Row(
        "a trace is forwarded with its state",
        {"traceparent": PARENT, "tracestate": "a=b"},
        has_headers={"traceparent": TRACE_ID, "tracestate": "a=b"},
    ),
    Row("an empty tracestate is enough", {"traceparent": PARENT, "tracestate": ""}, has_headers={"traceparent": TRACE_ID}),
    Row("a trace without tracestate is not forwarded", {"traceparent": PARENT}, lacks_headers=("tracestate", "ce-traceparent")),
    Row("an event without an id gets one", {"id": None}, has_headers={"ce-id": ...}),
    # --- responses of the function
    *(Row(f"{status} is acknowledged", responses=str(status)) for status in (200, 201, 202, 204, 301, 302, 304, 400, 401, 403, 410, 422)),
    Row("200 with a body that is not an event", responses="json"),
    *(
        Row(f"{status} is retried and then dead-lettered", responses=str(status), attempts=3, dead_letters=1, code=status, wait_seconds=(0.3, 0.6))
        for status in (500, 502, 503, 504, 404, 408, 409, 429)
    ),
    Row("a retry may succeed", responses="503 404 204", attempts=3, wait_seconds=(0.3, 0.6)),
    Row("a retry may end with a permanent refusal", responses="503 422", attempts=2),
    Row("a timeout is dead-lettered", responses="hang", attempts=3, dead_letters=1, code=-1),
    Row("a closed connection of a Service is 502, as its proxy answers", responses="close", dead_letters=1, code=502, attempts=3),
    Row(
        "a failing dead-letter sink is retried, then the message is dropped",
        responses="500",
        dead_letter_response="500",
        attempts=3,
        dead_letters=3,
        code=500,
    ),
    Row("a dead-letter sink that refuses gets one request", responses="500", dead_letter_response="400", attempts=3, dead_letters=1, code=500),
]


def identity(row: Row, mode: str) -> str:
    return f"{mode}-{ROWS.index(row):02d}"


def is_settled_when_consumed(row: Row) -> bool:
    return row.attempts == 1 and row.responses in ("200", "201", "202", "204", "json")


def publish(cluster: Cluster, row: Row, mode: str) -> None:
    queue = cluster.queue("rows" if mode == "pushed" else "consumed")
    case = identity(row, mode)
    headers = {**VALID, "id": f"id-{case}", "case": case, "answers": row.responses, "letteranswers": row.dead_letter_response, **row.headers}
    cluster.publish("", queue, {name: value for name, value in headers.items() if value is not None}, b'{"a":1}', **row.properties)


def arrived_count(cluster: Cluster, rows: Sequence[Row], mode: str) -> int:
    """Return how many of the expected requests have arrived."""
    pushed = sum(
        min(len([each for each in row_requests(cluster, row, mode) if each.mode == mode or not is_settled_when_consumed(row)]), row.attempts)
        for row in rows
    )
    return pushed + sum(min(len(cluster.requests(identity(row, mode), "letters")), row.dead_letters) for row in rows)


def row_requests(cluster: Cluster, row: Row, mode: str) -> list[Observation]:
    return cluster.requests(identity(row, mode), "sink" if mode == "pushed" else "consumer")


@pytest.fixture(scope="module")
def processed(cluster: Cluster, mode: str) -> Iterator[Cluster]:
    """The cluster after all messages were published and processed."""
    if mode == "consumed":
        cluster.wait_until_paused("consumed")
    successes, failures = [row for row in ROWS if is_settled_when_consumed(row)], [row for row in ROWS if not is_settled_when_consumed(row)]
    for rows in (successes, sorted(failures, key=lambda row: -row.dead_letters)):  # the first failure pauses consuming, so successes go first
        for row in rows:
            publish(cluster, row, mode)
        expected, end = sum(row.attempts + row.dead_letters for row in rows), time.monotonic() + 60
        while arrived_count(cluster, rows, mode) < expected and time.monotonic() < end:
            time.sleep(0.1)
    time.sleep(2.5)
    yield cluster


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))
def test_the_outcome_of_a_message(processed: Cluster, mode: str, row: Row) -> None:
    all_requests, dead_letters = row_requests(processed, row, mode), processed.requests(identity(row, mode), "letters")
    for request in all_requests:
        assert_request(request, row)
    consumed, pushed = [each for each in all_requests if each.mode == "consumed"], [each for each in all_requests if each.mode == "pushed"]
    if mode == "consumed" and is_settled_when_consumed(row):
        assert (len(consumed), len(pushed)) == (1, 0)
    else:
        assert len(consumed) <= (mode == "consumed" and row.attempts > 0)
        assert len(pushed) == row.attempts
    gaps = [later.at - earlier.at for earlier, later in pairwise(pushed)]
    for gap, wait in zip(gaps, row.wait_seconds, strict=False):
        assert wait - 0.05 <= gap < wait + 1.5
    assert len(dead_letters) == row.dead_letters
    for dead_letter in dead_letters:
        assert dead_letter.body == b'{"a":1}'
        assert dead_letter.headers["ce-knativeerrorcode"] == str(row.code)
        assert ("sink" if mode == "pushed" else "consumer") in dead_letter.headers["ce-knativeerrordest"]
        assert dead_letter.headers["ce-type"] == "row", "a dead letter keeps its type, so dlx must never be bound to the main exchange"


def test_failing_messages_are_first_consumed_by_the_function(processed: Cluster, mode: str) -> None:
    """Otherwise the table would not cover failures while consuming."""
    if mode == "consumed":
        assert any(each.mode == "consumed" for row in ROWS if row.dead_letters for each in row_requests(processed, row, mode))


def assert_request(request: Observation, row: Row) -> None:
    assert request.body == b'{"a":1}'
    for name, value in row.has_headers.items():
        if name == "traceparent":
            assert request.headers[name].split("-")[1] == value, "the trace is the same; the span may be the dispatcher's"
        elif value is ...:
            assert request.headers[name]
        else:
            assert request.headers[name] == value
    for name in row.lacks_headers:
        assert name not in request.headers
    if row.headers.get("traceparent") and "tracestate" not in row.headers:
        assert TRACE_ID not in request.headers.get("traceparent", "")
