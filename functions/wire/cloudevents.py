"""A message: a CloudEvent 1.0 in binary mode, with attributes as AMQP headers in RabbitMQ and as `Ce-` headers over HTTP.

Names have lower-case letters and digits only: the broker's dispatcher acknowledges and drops a message with any other
header. The dispatcher also drops a `traceparent` without `tracestate`, so messages have both or none.

    id source type time     attributes of CloudEvents
    replyto correlationid   queue for the reply; id of the request that caused the message
    replybatch              1: the sender reads several replies in one message (`reply_batches`)
    deadline                RFC 3339: when the caller stops waiting
    token                   the caller's access token (commands and queries)
    actor                   id of the user who caused an event
    causation               id of the message whose handling published this one
    dataversion             version of the type that the body was written in (missing: 1; see `kernel.versions`)
    subject sequence        the aggregate of an event, and the event's number within it
    fingerprint             SHA-256 of the input without its secrets, in hex
    attempt outage due      number of this try; postponements because of outages; not to be handled before
    redelivery deadletter   returns after transport failures; why to store the message instead of handling it
    remote useragent        the client's address and User-Agent
    traceparent tracestate  W3C Trace Context
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256

from functions.kernel import new_id
from functions.wire import knative_events, trace_context
from functions.wire.knative_events import MalformedEvent

SPECVERSION = "1.0"
JSON = "application/json"
STANDARD_ATTRIBUTES = frozenset({"specversion", "id", "source", "type", "time", "datacontenttype", "content-type"})

NUMBER = re.compile(r"[0-9]{1,18}")
FINGERPRINT = re.compile(r"^[0-9a-f]{64}$")


class InvalidMessage(ValueError):
    """The request is not a CloudEvent. The text says why."""


def stamp(moment: datetime) -> str:
    """Format a time: RFC 3339, UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str | None) -> datetime | None:
    """Parse an RFC 3339 time. Returns None if there is none or it is malformed; without offset it is UTC."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Message:
    id: str
    source: str
    type: str
    time: str
    body: bytes
    attributes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_http(cls, headers: Mapping[str, str], body: bytes) -> "Message":
        """Read a request in binary or structured mode. Raises InvalidMessage."""
        if (message := cls._from_binary_json(headers, body)) is not None:
            return message
        try:
            event = knative_events.from_http(headers, body)
        except MalformedEvent as error:
            raise InvalidMessage(str(error)) from error
        if event is None:
            raise InvalidMessage("no CloudEvent: the header ce-specversion is missing or has an unsupported version")
        if reason := event.invalid_reason():
            raise InvalidMessage(reason)
        attributes = {name: knative_events.format_value(value) for name, value in event.extensions.items()}
        attributes |= {name: value for name, value in event.attributes.items() if name not in STANDARD_ATTRIBUTES}
        attributes |= {name: headers[name] for name in trace_context.HEADERS if name in headers and name not in attributes}
        return cls(event.get("id"), event.get("source"), event.get("type"), event.get("time"), event.data, attributes)

    @classmethod
    def from_headers(cls, headers: Mapping[str, str], body: bytes) -> "Message":
        """Read the AMQP headers that `headers()` returns."""
        attributes = {name: value for name, value in headers.items() if name not in STANDARD_ATTRIBUTES}
        return cls(headers["id"], headers["source"], headers["type"], headers.get("time", ""), body, attributes)

    @classmethod
    def _from_binary_json(cls, headers: Mapping[str, str], body: bytes) -> "Message | None":
        """The fast path for every message that Capsule publishes. Returns None for anything else."""
        attributes: dict[str, str] = {}
        for name, value in headers.items():
            if name.startswith("ce-"):
                attributes[name[3:]] = value
            elif name in trace_context.HEADERS:
                attributes.setdefault(name, value)
            elif name == "content-type" and not value.startswith(JSON):
                return None
        version, id, source, type = [attributes.pop(name, "") for name in ("specversion", "id", "source", "type")]
        time = attributes.pop("time", "")
        attributes.pop("datacontenttype", None)
        return cls(id, source, type, time, body, attributes) if version == SPECVERSION and id and source and type else None

    def headers(self) -> dict[str, str]:
        """Return the AMQP headers."""
        headers = {
            **self.attributes,
            "specversion": SPECVERSION,
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "time": self.time,
            "datacontenttype": JSON,
            "content-type": JSON,
        }
        if not self.time:
            del headers["time"]
        if "traceparent" in headers:
            headers.setdefault("tracestate", "")  # HTTP drops an empty header
        return headers

    def get(self, name: str) -> str | None:
        """Return an attribute; None if it is missing or empty."""
        return self.attributes.get(name) or None

    def number(self, name: str, default: int = 0) -> int:
        """Return an attribute as a number; `default` if it is missing or not one."""
        text = self.attributes.get(name, "")
        return int(text) if NUMBER.fullmatch(text) else default

    def with_attributes(self, **changed: str | None) -> "Message":
        """Return a copy with other attributes. None removes one."""
        attributes = {**self.attributes, **changed}
        return replace(self, attributes={name: value for name, value in attributes.items() if value is not None})

    @property
    def attempt(self) -> int:
        """The number of this try, from 1."""
        return self.number("attempt", 1)

    @property
    def version(self) -> int:
        return self.number("dataversion", 1) or 1

    @property
    def deadline(self) -> datetime | None:
        return parse_time(self.get("deadline"))

    @property
    def due(self) -> datetime | None:
        return parse_time(self.get("due"))

    @property
    def correlation(self) -> str:
        return self.get("correlationid") or self.id

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the input: the same idempotency key with another input is an error.

        Encrypting one secret twice gives two texts, so the gateway computes it without the secrets and sends it along.
        """
        text = self.get("fingerprint")
        return bytes.fromhex(text) if text and FINGERPRINT.match(text) else sha256(self.body).digest()


def new_message(type: str, source: str, body: bytes, at: datetime, id: str | None = None, **attributes: str | None) -> Message:
    """Create a message. Attributes that are None are left out."""
    known = {name: value for name, value in attributes.items() if value is not None}
    return Message(id or str(new_id()), source, type, stamp(at), body, known)
