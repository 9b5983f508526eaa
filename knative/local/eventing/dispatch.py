"""What becomes of a message on its way through a Trigger: message → CloudEvent request, answer → fate. Pure; whatever transports carry it.

This is where the one-machine Knative must be indistinguishable from eventing-rabbitmq's dispatcher, its losses included: a function that
works here must not lose messages on a cluster. Hence a message that the real one acknowledges and loses is lost here too, but it is said
so, with the reason, in the log and in a counter. tests/knative/conformance holds the same rules as a table and runs them against either.

One trap is not copied. A backoffDelay below PT0.1S makes the real dispatcher panic and start again with the same message, for ever;
`Policy.of` refuses it, and the object's conditions say why.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final
from uuid import uuid4

from knative.local.eventing import events
from knative.local.eventing.events import Event, Malformed

NO_ANSWER: Final = -1
DEFAULT_SOURCE: Final = "/apis/v1/namespaces//rabbitmqsources/rabbitmq-dispatcher"
PREFETCH: Final = 100
RETRIED: Final = frozenset({404, 408, 409, 429})

Trace = tuple[str, str]
"""traceparent and tracestate; the second may be empty"""

_PERIOD = re.compile(
    r"P(?:(\d+(?:[.,]\d+)?)Y)?(?:(\d+(?:[.,]\d+)?)M)?(?:(\d+(?:[.,]\d+)?)W)?(?:(\d+(?:[.,]\d+)?)D)?"
    r"(?:T(?:(\d+(?:[.,]\d+)?)H)?(?:(\d+(?:[.,]\d+)?)M)?(?:(\d+(?:[.,]\d+)?)S)?)?"
)
_PERIOD_SECONDS = (31_556_952, 2_629_746, 604_800, 86_400, 3_600, 60, 1)
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")

_VISIBLE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_PLAIN_NAME = re.compile(r"[a-z0-9]+")
_PLAIN_SOURCE = re.compile(r"/[A-Za-z0-9/._-]*")
_PLAIN_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)


class Backoff(Enum):
    EXPONENTIAL = "exponential"
    LINEAR = "linear"


class BadDelivery(Exception):
    """A delivery that the real dispatcher would crash on or refuse."""


def seconds(period: str) -> float:
    """An ISO 8601 duration, to a tenth of a second, as the dispatcher rounds it."""
    match = _PERIOD.fullmatch(period)
    if match is None or period.endswith(("P", "T")):
        raise BadDelivery(f"{period!r} is no ISO 8601 duration")
    total = 0.0
    for number, unit in zip(match.groups(), _PERIOD_SECONDS, strict=True):
        if number is not None:
            total += int(float(number.replace(",", ".")) * 10 + 1e-9) / 10 * unit
    return total


@dataclass(frozen=True)
class Policy:
    """spec.delivery, as the dispatcher's environment has it."""

    retry: int = 0
    backoff: Backoff = Backoff.EXPONENTIAL
    delay: float = 0.05
    timeout: float | None = None

    @classmethod
    def of(cls, delivery: Mapping[str, Any] | None, *, dead_letters: bool = False) -> "Policy":
        """No delivery: no retry at all. A Broker's dead-letter dispatcher (`dead_letters`) is never told the timeout."""
        if delivery is None:
            return cls()
        delay = seconds(delivery["backoffDelay"]) if delivery.get("backoffDelay") else 0.05
        retry = int(delivery["retry"]) if delivery.get("retry") is not None else 5
        if delivery.get("backoffDelay") and delay < 0.1 and retry > 0:
            raise BadDelivery(f"backoffDelay {delivery['backoffDelay']} is below PT0.1S: the dispatcher would panic at its first retry")
        try:
            backoff = Backoff(delivery.get("backoffPolicy") or "exponential")
        except ValueError as error:
            raise BadDelivery(f"backoffPolicy {delivery['backoffPolicy']!r} is neither linear nor exponential") from error
        timeout = seconds(delivery["timeout"]) if delivery.get("timeout") and not dead_letters else None
        return cls(retry, backoff, delay, timeout or None)

    def wait(self, retry: int) -> float:
        """Before the retry of this number, the first being 1."""
        return self.delay * (2**retry if self.backoff is Backoff.EXPONENTIAL else retry)


@dataclass(frozen=True, slots=True)
class Request:
    """A POST to the subscriber."""

    event: Event
    headers: dict[str, str]
    trace: Trace | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Lost:
    """Acknowledged, and nothing else happens."""

    reason: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Done; `reply` goes to the Broker as a new event first."""

    reply: Event | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    after: float


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Acknowledged first, published to the dead-letter exchange second (if there is one; otherwise lost)."""

    headers: dict[str, Any]
    body: bytes
    message_id: str
    content_type: str
    code: int
    reason: str


Fate = Lost | Acknowledged | Retry | DeadLetter


def printed(value: object) -> str:
    """A header's value as Go's fmt.Sprint prints it, since that is the text a cluster makes of it."""
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
            return "map[" + " ".join(f"{key}:{printed(value[key])}" for key in sorted(value)) + "]"
        case Sequence():
            return "[" + " ".join(printed(item) for item in value) + "]"
        case _:
            return str(value)


def trace_of(headers: Mapping[str, Any]) -> Trace | None:
    """The trace context goes on only when both headers are there as text (the second may be empty) and the first is valid."""
    parent, state = headers.get("traceparent"), headers.get("tracestate")
    if not isinstance(parent, str) or not isinstance(state, str) or not _TRACEPARENT.fullmatch(parent):
        return None
    return parent, state


def read(headers: Mapping[str, Any] | None, content_type: str | None, body: bytes) -> Event:
    """The CloudEvent in a message. Of the properties only a structured content type counts."""
    if content_type and (kind := events.media_type(content_type)).startswith("application/cloudevents"):
        if kind == events.STRUCTURED:
            return events.from_structured(body)
        if kind == events.BATCH:
            raise Malformed("a batch of events is not taken")
    plain: dict[str, str] = {}
    for name, value in (headers or {}).items():
        if name not in ("traceparent", "tracestate"):
            plain[name.lower().removeprefix("ce-")] = value if type(value) is str else printed(value)
    version = plain.get("specversion")
    if version not in events.VERSIONS:
        raise Malformed("no specversion among the headers" if version is None else f"specversion {version!r} is unknown")
    event = Event({}, data=body)
    plain.setdefault("source", DEFAULT_SOURCE)
    for name, text in plain.items():
        if name == "content-type":
            events.set_attribute(event, "datacontenttype", text)
        elif not name.startswith("x-"):
            events.set_attribute(event, name, text)
    return event


def is_plain(headers: Mapping[str, Any] | None, content_type: str | None) -> bool:
    """Whether a subscriber gets the message just as it was sent: `opened` would change nothing but the spelling of its names. So are all of Capsule's
    own. (The decimals of a time are the exception: .120Z arrives as .12Z, which is the same time.)"""
    if not headers or content_type not in (None, events.JSON):
        return False
    for name, value in headers.items():
        if type(value) is not str or not (_VISIBLE.fullmatch(value) or (value == "" and name == "tracestate")):
            return False
        if not _PLAIN_NAME.fullmatch(name) and name != "content-type":
            return False
    said = headers.get
    if said("specversion") != "1.0" or not said("id") or not said("type") or said("content-type") != events.JSON or "dataschema" in headers:
        return False
    if said("datacontenttype", events.JSON) != events.JSON or not _PLAIN_SOURCE.fullmatch(said("source", "")):
        return False
    if not _is_plain_time(said("time", "")):
        return False
    return ("traceparent" in headers or "tracestate" in headers) is (trace_of(headers) is not None)


def _is_plain_time(time: str) -> bool:
    if not _PLAIN_TIME.fullmatch(time) or time.startswith("0001-"):
        return False
    try:
        datetime.fromisoformat(time)
    except ValueError:
        return False
    return True


def opened(headers: Mapping[str, Any] | None, content_type: str | None, body: bytes, destination: str) -> Request | Lost | DeadLetter:
    """What the dispatcher does with a message first."""
    try:
        event = read(headers, content_type, body)
    except Malformed as malformed:
        return Lost(str(malformed))
    trace = trace_of(headers or {})
    sent = _completed(event)
    fault = sent.fault()
    if fault is None and (name := sent.unsendable()):
        fault = f"{name} holds a character that no HTTP header can hold"
    if fault is not None:
        return dead_letter(event, trace, NO_ANSWER, destination, fault)
    request = events.to_http(sent)
    if trace is not None:
        request["Traceparent"] = trace[0]
        if trace[1]:
            request["Tracestate"] = trace[1]
    return Request(event, request, trace)


def _completed(event: Event) -> Event:
    """What the dispatcher's HTTP client adds to a request, and to each try anew; a dead letter is still without it."""
    missing = {}
    if not event.get("id"):
        missing["id"] = str(uuid4())
    if event.attributes.get("time", events.NO_TIME) == events.NO_TIME:
        missing["time"] = events.canonical_time(datetime.now(UTC).isoformat())
    return Event({**event.attributes, **missing}, event.extensions, event.data) if missing else event


def is_retried(status: int) -> bool:
    return status >= 500 or status in RETRIED or status == NO_ANSWER


def reply_in(answer: Answer) -> Event | None:
    """The CloudEvent in an answer; an answer that is none, or a broken one, is simply no reply."""
    try:
        return events.from_http(answer.headers, answer.body)
    except Malformed:
        return None


def fate(request: Request, answer: Answer | None, tries: int, policy: Policy, destination: str) -> Fate:
    """After the try of this number (the first is 1); no answer within the timeout, or no connection, is None."""
    status = NO_ANSWER if answer is None else answer.status
    if is_retried(status):
        if tries <= policy.retry:
            return Retry(policy.wait(tries))
        reason = "no answer" if answer is None else f"answered {status}"
        return dead_letter(request.event, request.trace, status, destination, f"{reason} at the {tries}. try")
    return Acknowledged(reply_in(answer) if answer is not None else None)


def stopped(request: Request, destination: str) -> DeadLetter:
    """A cluster's dispatcher was told to end (SIGTERM): in flight or only prefetched, the message goes, though no function saw it."""
    return dead_letter(request.event, request.trace, NO_ANSWER, destination, "the dispatcher was stopped")


def unreplied(request: Request, status: int, destination: str, reason: str) -> DeadLetter:
    """The function did its work, but the event it answered could not be published: the message itself goes to the dead letters."""
    letter = dead_letter(request.event, request.trace, status, destination, f"its reply was not published: {reason}")
    letter.headers["knativeerrordata"] = reason
    return letter


def dead_letter(event: Event, trace: Trace | None, code: int, destination: str, reason: str) -> DeadLetter:
    headers = events.to_amqp(event, trace)
    headers["knativeerrordest"] = destination
    headers["knativeerrorcode"] = code
    return DeadLetter(headers, event.data, event.get("id"), event.get("datacontenttype"), code, reason)
