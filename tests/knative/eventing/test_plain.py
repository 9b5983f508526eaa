"""`is_plain` is right: a message that it accepts arrives unchanged after it was turned into a request."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.kernel import new_id
from functions.wire import knative_requests
from functions.wire.cloudevents import Message, new_message, parse_time
from functions.wire.knative_requests import Request

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
DESTINATION = "http://auth-register.capsule.svc.cluster.local/"


def message_headers(**attributes: Any) -> dict[str, Any]:
    message = new_message("auth.register", "/capsule/gateway", b"{}", datetime(2026, 2, 3, 4, 5, 6, 120_000, UTC), correlationid=str(new_id()))
    return {**message.headers(), **attributes}


def deliver(headers: dict[str, Any], content_type: str | None) -> Message | None:
    """Return the message that a subscriber reads from the dispatcher's request; None if there is no request."""
    request = knative_requests.prepare_request(headers, content_type, b"{}", DESTINATION)
    if not isinstance(request, Request):
        return None
    return Message.from_http({name.lower(): value for name, value in request.headers.items()}, request.event.data)


def is_same(one: Message, other: Message) -> bool:
    times = parse_time(one.time) == parse_time(other.time)
    # HTTP drops an empty tracestate; the next sender adds it again
    attributes = [{name: value for name, value in each.attributes.items() if value} for each in (one, other)]
    return times and (one.id, one.source, one.type, one.body) == (other.id, other.source, other.type, other.body) and attributes[0] == attributes[1]


CAPSULE_MESSAGES = [
    message_headers(),
    message_headers(token="eyJ.abc.def-_", deadline="2026-02-03T04:05:16.120Z", replyto=f"capsule.replies.{new_id()}"),
    message_headers(traceparent=TRACE, tracestate="", useragent="curl/8.5 (linux; x)", remote="::1"),
    message_headers(traceparent=TRACE, tracestate="a=b", subject=str(new_id()), sequence="12", attempt="3"),
]


@pytest.mark.parametrize("headers", CAPSULE_MESSAGES)
def test_messages_of_capsule_are_plain(headers: dict[str, Any]) -> None:
    assert knative_requests.is_plain(headers, "application/json")
    assert knative_requests.is_plain(headers, None)


UNUSUAL_VALUES: list[Any] = [
    "", " ", " a", "a ", "é", "a%b", "%zz", "\t", "\x00", 1, True, None, 1.5, [], {"a": "b"}, b"x", "1.0", "0.3", "a:b", "/x y", "http://x/y",
    "text/plain", "2026-02-30T00:00:00Z", "2026-02-03T04:05:06+01:00", "0001-01-01T00:00:00Z", "2026-02-03T04:05:06.1234567891Z",
    "2026-02-03T04:05:06Z", TRACE, "x" * 500,
]  # fmt: skip
NAMES = [
    "id", "type", "source", "specversion", "time", "datacontenttype", "content-type", "dataschema", "subject", "traceparent", "tracestate",
    "x-death", "ce-id", "Actor", "reply_to", "token", "data", "ce-type", "", "a" * 40,
]  # fmt: skip


def test_plain_messages_arrive_as_they_were_sent() -> None:
    chance, plain, other = random.Random(7), 0, 0
    for _ in range(20_000):
        headers = dict(chance.choice(CAPSULE_MESSAGES))
        for _ in range(chance.randint(0, 3)):
            name = chance.choice(NAMES)
            if chance.random() < 0.25:
                headers.pop(name, None)
            else:
                headers[name] = chance.choice(UNUSUAL_VALUES)
        content_type = chance.choice([None, "application/json", "application/json", "text/plain", "application/cloudevents+json", ""])
        if not knative_requests.is_plain(headers, content_type):
            other += 1
            continue
        plain += 1
        delivered = deliver(headers, content_type)
        assert delivered is not None and is_same(Message.from_headers(headers, b"{}"), delivered), headers
    assert plain > 1000 and other > 1000
