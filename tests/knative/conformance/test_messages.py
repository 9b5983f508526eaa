"""CONTRACT.md as a table: each row a message, the answers it asks for, and its fate.

All rows are sent at once, straight into the Trigger's queue (routing has its own tests), and looked at when everything is over: so what
must *not* happen is known too.

Both ways that a message can take, with one table. A function that consumes its queue itself settles what it answers with 2xx; anything else
it gives back, and then the dispatcher pushes it by its own rules: one more request, and the same fate.
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
GOOD = {"specversion": "1.0", "source": "/conformance", "type": "row", "time": "2026-01-02T03:04:05Z", "content-type": "application/json"}


@dataclass(frozen=True)
class Row:
    name: str
    headers: Mapping[str, Any] = field(default_factory=dict)
    """changes to a good message; None takes one out"""
    properties: Mapping[str, Any] = field(default_factory=dict)
    answers: str = "204"
    letters_answer: str = "204"
    tries: int = 1
    """requests that the function sees"""
    letters: int = 0
    """requests that the dead-letter sink sees"""
    code: int | None = None
    """knativeerrorcode of the dead letter"""
    sees: Mapping[str, str | EllipsisType] = field(default_factory=dict)
    """headers of the request; `...` is any value"""
    not_sees: tuple[str, ...] = ()
    waits: tuple[float, ...] = ()
    """seconds between the tries"""


def lost(name: str, headers: Mapping[str, Any], **more: Any) -> Row:
    return Row(name, headers, tries=0, **more)


ROWS = [
    # --- a message on its way to a function
    Row(
        "plain headers are a binary event",
        sees={
            "ce-specversion": "1.0",
            "ce-source": "/conformance",
            "ce-type": "row",
            "ce-time": "2026-01-02T03:04:05Z",
            "content-type": "application/json",
        },
    ),
    Row("every other header is an extension", {"replyto": "q.1", "correlationid": "c"}, sees={"ce-replyto": "q.1", "ce-correlationid": "c"}),
    Row("numbers and truths are written out", {"attempt": 3, "urgent": True}, sees={"ce-attempt": "3", "ce-urgent": "true"}),
    Row("a capital letter is lowered", {"Actor": "u"}, sees={"ce-actor": "u"}),
    Row("time is written in UTC", {"time": "2026-01-02T05:04:05.500+02:00"}, sees={"ce-time": "2026-01-02T03:04:05.5Z"}),
    Row("an event without a time is given one", {"time": None}, sees={"ce-time": ...}),
    lost("no specversion", {"specversion": None}),
    lost("an unknown specversion", {"specversion": "2.0"}),
    lost("a bad time", {"time": "yesterday"}),
    lost("an underscore in a name", {"reply_to": "q"}),
    lost("a hyphen in a name", {"reply-to": "q"}),
    lost("a dot in a name", {"reply.to": "q"}),
    lost(
        "headers with the prefix of the AMQP binding",
        {**dict.fromkeys(GOOD), "id": None, **{f"cloudEvents:{name}": value for name, value in GOOD.items()}, "cloudEvents:id": "1"},
    ),
    Row("x- headers are dropped", {"x-death": "1", "x-custom": "2", "X-Other": "3"}, not_sees=("ce-x-death", "ce-x-custom", "ce-x-other", "x-other")),
    Row("the content type is not taken from the property", {"content-type": None}, {"content_type": "application/json"}, not_sees=("content-type",)),
    Row("the content type may be called datacontenttype", {"content-type": None, "datacontenttype": "text/csv"}, sees={"content-type": "text/csv"}),
    Row(
        "properties never reach the function",
        properties={"reply_to": "q", "correlation_id": "c", "message_id": "m", "app_id": "a", "type": "t"},
        not_sees=("ce-replyto", "ce-correlationid", "ce-messageid", "ce-appid", "reply-to", "correlation-id"),
    ),
    Row("a trace goes on with its state", {"traceparent": PARENT, "tracestate": "a=b"}, sees={"traceparent": TRACE_ID, "tracestate": "a=b"}),
    Row("an empty state is enough", {"traceparent": PARENT, "tracestate": ""}, sees={"traceparent": TRACE_ID}),
    Row("no state, no trace", {"traceparent": PARENT}, not_sees=("tracestate", "ce-traceparent")),
    Row("an event without an id is given one", {"id": None}, sees={"ce-id": ...}),
    # --- the function's answer
    *(Row(f"{status} is acknowledged", answers=str(status)) for status in (200, 201, 202, 204, 301, 302, 304, 400, 401, 403, 410, 422)),
    Row("200 with a body that is no event", answers="json"),
    *(
        Row(f"{status} is retried and then a dead letter", answers=str(status), tries=3, letters=1, code=status, waits=(0.3, 0.6))
        for status in (500, 502, 503, 504, 404, 408, 409, 429)
    ),
    Row("a retry may succeed", answers="503 404 204", tries=3, waits=(0.3, 0.6)),
    Row("a retry may be refused for good", answers="503 422", tries=2),
    Row("no answer in time is a dead letter", answers="hang", tries=3, letters=1, code=-1),
    Row("a connection that a Service breaks off is 502, as its proxy says", answers="close", letters=1, code=502, tries=3),
    Row("a dead-letter sink that fails is tried again, then the letter is lost", answers="500", letters_answer="500", tries=3, letters=3, code=500),
    Row("a dead-letter sink that says no gets it once", answers="500", letters_answer="400", tries=3, letters=1, code=500),
]


def identity(row: Row, way: str) -> str:
    return f"{way}-{ROWS.index(row):02d}"


def is_settled_at_once(row: Row) -> bool:
    return row.tries == 1 and row.answers in ("200", "201", "202", "204", "json")


def publish(cluster: Cluster, row: Row, way: str) -> None:
    queue = cluster.queue("rows" if way == "pushed" else "taken")
    case = identity(row, way)
    headers = {**GOOD, "id": f"id-{case}", "case": case, "answers": row.answers, "letteranswers": row.letters_answer, **row.headers}
    cluster.publish("", queue, {name: value for name, value in headers.items() if value is not None}, b'{"a":1}', **row.properties)


def arrived(cluster: Cluster, rows: Sequence[Row], way: str) -> int:
    """How many of the requests that are to come have come."""
    pushed = sum(
        min(len([each for each in requests(cluster, row, way) if each.way == way or not is_settled_at_once(row)]), row.tries) for row in rows
    )
    return pushed + sum(min(len(cluster.seen(identity(row, way), "letters")), row.letters) for row in rows)


def requests(cluster: Cluster, row: Row, way: str) -> list[Observation]:
    return cluster.seen(identity(row, way), "sink" if way == "pushed" else "taker")


@pytest.fixture(scope="module")
def over(cluster: Cluster, way: str) -> Iterator[Cluster]:
    """Everything is sent, and nothing happens any more."""
    if way == "consumed":
        cluster.until_it_consumes("taken")
    good, bad = [row for row in ROWS if is_settled_at_once(row)], [row for row in ROWS if not is_settled_at_once(row)]
    for rows in (good, sorted(bad, key=lambda row: -row.letters)):  # what is lost is never tried; the first bad one makes the function pause
        for row in rows:
            publish(cluster, row, way)
        wanted, end = sum(row.tries + row.letters for row in rows), time.monotonic() + 60
        while arrived(cluster, rows, way) < wanted and time.monotonic() < end:
            time.sleep(0.1)
    time.sleep(2.5)
    yield cluster


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))
def test_the_fate_of_a_message(over: Cluster, way: str, row: Row) -> None:
    every, letters = requests(over, row, way), over.seen(identity(row, way), "letters")
    for request in every:
        saw(request, row)
    taken, pushed = [each for each in every if each.way == "consumed"], [each for each in every if each.way == "pushed"]
    if way == "consumed" and is_settled_at_once(row):
        assert (len(taken), len(pushed)) == (1, 0)
    else:
        assert len(taken) <= (way == "consumed" and row.tries > 0)
        assert len(pushed) == row.tries
    gaps = [later.at - earlier.at for earlier, later in pairwise(pushed)]
    for gap, wait in zip(gaps, row.waits, strict=False):
        assert wait - 0.05 <= gap < wait + 1.5
    assert len(letters) == row.letters
    for letter in letters:
        assert letter.body == b'{"a":1}'
        assert letter.headers["ce-knativeerrorcode"] == str(row.code)
        assert ("sink" if way == "pushed" else "taker") in letter.headers["ce-knativeerrordest"]
        assert letter.headers["ce-type"] == "row", "a dead letter keeps its type: never bind dlx to the main exchange"


def test_what_fails_was_tried_by_the_function_itself_first(over: Cluster, way: str) -> None:
    """Otherwise only half of the table would have been tried."""
    if way == "consumed":
        assert any(each.way == "consumed" for row in ROWS if row.letters for each in requests(over, row, way))


def saw(request: Observation, row: Row) -> None:
    assert request.body == b'{"a":1}'
    for name, value in row.sees.items():
        if name == "traceparent":
            assert request.headers[name].split("-")[1] == value, "the trace is the same, the span may be the dispatcher's"
        elif value is ...:
            assert request.headers[name]
        else:
            assert request.headers[name] == value
    for name in row.not_sees:
        assert name not in request.headers
    if row.headers.get("traceparent") and "tracestate" not in row.headers:
        assert TRACE_ID not in request.headers.get("traceparent", "")
