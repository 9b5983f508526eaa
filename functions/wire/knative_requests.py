"""Message → CloudEvent request, as eventing-rabbitmq's dispatcher makes it. Pure: knows no transport.

The one-machine dispatcher and a pod that consumes its own queues share these rules, so a subscriber gets the same request
from either, and the same as on a cluster. A message that the real dispatcher acknowledges and loses is lost here too.
tests/knative/conformance holds the rules as a table and runs them against either.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from functions.wire import knative_events as events
from functions.wire.knative_events import Event, MalformedEvent
from functions.wire.trace_context import TraceContext, is_traceparent

NO_RESPONSE: Final = -1
DEFAULT_SOURCE: Final = "/apis/v1/namespaces//rabbitmqsources/rabbitmq-dispatcher"
PREFETCH: Final = 100

_PRINTABLE = bytes(range(ord(" "), ord("~") + 1))
_PLAIN_NAME = re.compile(r"[a-z0-9]+")
MAX_KNOWN_NAMES = 512
_plain_names: set[str] = set()
"""Names that were compared before: those of messages are always the same."""
_PLAIN_SOURCE = re.compile(r"/[A-Za-z0-9/._-]*")
_PLAIN_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """A POST to the subscriber."""

    event: Event
    headers: dict[str, str]
    trace: TraceContext | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """The subscriber's response."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Lost:
    """Acknowledged without delivery and without a dead letter."""

    reason: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Acknowledged, then published to the dead-letter exchange. Without such an exchange the message is dropped."""

    headers: dict[str, Any]
    body: bytes
    message_id: str
    content_type: str
    code: int
    reason: str


def go_format(value: object) -> str:
    """Format a header's value as Go's fmt.Sprint does: on a cluster the subscriber gets that text."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case None:
            return "<nil>"
        case bytes() | bytearray():
            return "[" + " ".join(str(byte) for byte in value) + "]"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S} +0000 UTC"
        case Mapping():
            return "map[" + " ".join(f"{key}:{go_format(value[key])}" for key in sorted(value)) + "]"
        case Sequence():
            return "[" + " ".join(go_format(item) for item in value) + "]"
        case _:
            return str(value)


def trace_context(headers: Mapping[str, Any]) -> TraceContext | None:
    """Return the trace context to forward: both headers must be text (the second may be empty) and the first one valid."""
    parent, state = headers.get("traceparent"), headers.get("tracestate")
    if not isinstance(parent, str) or not isinstance(state, str) or not is_traceparent(parent):
        return None
    return TraceContext(parent, state)


def parse_message(headers: Mapping[str, Any] | None, content_type: str | None, body: bytes) -> Event:
    """Read the CloudEvent of a message. Of the AMQP properties only a structured content type counts. Raises MalformedEvent."""
    if content_type and (kind := events.media_type(content_type)).startswith("application/cloudevents"):
        if kind == events.STRUCTURED:
            return events.from_structured(body)
        if kind == events.BATCH:
            raise MalformedEvent("batches of events are not supported")
    plain: dict[str, str] = {}
    for name, value in (headers or {}).items():
        if name not in ("traceparent", "tracestate"):
            plain[name.lower().removeprefix("ce-")] = value if type(value) is str else go_format(value)
    version = plain.get("specversion")
    if version not in events.VERSIONS:
        raise MalformedEvent("no specversion in the headers" if version is None else f"specversion {version!r} is not supported")
    event = Event({}, data=body)
    plain.setdefault("source", DEFAULT_SOURCE)
    for name, text in plain.items():
        if name == "content-type":
            events.set_attribute(event, "datacontenttype", text)
        elif not name.startswith("x-"):
            events.set_attribute(event, name, text)
    return event


def is_plain(headers: Mapping[str, Any] | None, content_type: str | None) -> bool:
    """Whether the subscriber gets a message as it was sent: `prepare_request` changes nothing but the case of header names.

    True for all messages that Capsule publishes. A time may lose trailing zeros (.120Z arrives as .12Z).
    """
    if not headers or content_type not in (None, events.JSON):
        return False
    if not headers.keys() <= _plain_names and not _have_plain_names(headers):
        return False
    try:
        text = "".join(headers.values()).encode("ascii")
    except (TypeError, UnicodeEncodeError):  # a value that is no text, or none in ASCII
        return False
    if text.translate(None, _PRINTABLE):
        return False
    if b" " in text and any(value != value.strip(" ") for value in headers.values()):
        return False
    if not all(headers.values()) and any(value == "" and name != "tracestate" for name, value in headers.items()):
        return False
    get = headers.get
    if get("specversion") != "1.0" or not get("id") or not get("type") or get("content-type") != events.JSON or "dataschema" in headers:
        return False
    if get("datacontenttype", events.JSON) != events.JSON or not _PLAIN_SOURCE.fullmatch(get("source", "")):
        return False
    if not _is_plain_time(get("time", "")):
        return False
    return ("traceparent" in headers or "tracestate" in headers) is (trace_context(headers) is not None)


def _have_plain_names(headers: Mapping[str, Any]) -> bool:
    for name in headers:
        if not _PLAIN_NAME.fullmatch(name) and name != "content-type":
            return False
        if len(_plain_names) < MAX_KNOWN_NAMES:
            _plain_names.add(name)
    return True


def _is_plain_time(time: str) -> bool:
    if not _PLAIN_TIME.fullmatch(time) or time.startswith("0001-"):
        return False
    try:
        datetime.fromisoformat(time)
    except ValueError:
        return False
    return True


def prepare_request(headers: Mapping[str, Any] | None, content_type: str | None, body: bytes, destination: str) -> Request | Lost | DeadLetter:
    """Turn a message into the request to its subscriber, or return what happens to it instead. `destination`: the subscriber's URL."""
    try:
        event = parse_message(headers, content_type, body)
    except MalformedEvent as error:
        return Lost(str(error))
    trace = trace_context(headers or {})
    outgoing = _with_id_and_time(event)
    invalid_reason = outgoing.invalid_reason()
    if invalid_reason is None and (name := outgoing.unsendable_attribute()):
        invalid_reason = f"{name} contains a character that HTTP headers cannot carry"
    if invalid_reason is not None:
        return dead_letter(event, trace, NO_RESPONSE, destination, invalid_reason)
    request = events.to_http(outgoing)
    if trace is not None:
        request["Traceparent"] = trace[0]
        if trace[1]:
            request["Tracestate"] = trace[1]
    return Request(event, request, trace)


def _with_id_and_time(event: Event) -> Event:
    """Add what the dispatcher's HTTP client adds to each request. A dead letter does not have it."""
    missing = {}
    if not event.get("id"):
        missing["id"] = str(uuid4())
    if event.attributes.get("time", events.NO_TIME) == events.NO_TIME:
        missing["time"] = events.now()
    return Event({**event.attributes, **missing}, event.extensions, event.data) if missing else event


def reply_event(response: Response) -> Event | None:
    """Return the CloudEvent in a response; None if there is none or it is malformed."""
    try:
        return events.from_http(response.headers, response.body)
    except MalformedEvent:
        return None


def dead_letter(event: Event, trace: TraceContext | None, code: int, destination: str, reason: str) -> DeadLetter:
    headers = events.to_amqp(event, trace)
    headers["knativeerrordest"] = destination
    headers["knativeerrorcode"] = code
    return DeadLetter(headers, event.data, event.get("id"), event.get("datacontenttype"), code, reason)
