"""A message: a CloudEvent (1.0, binary mode) whose attributes are AMQP headers on the way and `Ce-` HTTP headers on arrival.

Names are lower-case letters and digits only: the broker's dispatcher acknowledges and loses a message with any other header. `traceparent`
travels only beside a `tracestate`, so the two always go together (W3C Trace Context).

    id source type time             CloudEvents' own
    replyto correlationid           where and to what a reply goes
    deadline                        RFC 3339: after it nobody waits for an answer
    token                           the caller's access token (commands and queries)
    actor                           the user on whose behalf an event was made
    causation                       id of the message whose handling made this one
    dataversion                     by which version of its type the body was written (none: the first; see `kernel.versions`)
    subject sequence                the aggregate an event tells of, and the event's number among its events
    fingerprint                     SHA-256 of the input without its secrets, in hex
    attempt outage due              the number of this try; how often an outage of ours has put it off; not to be handled before
    redelivery deadletter           how often a transport failure sent it back; why it is to be stored instead of handled
    remote useragent                the client's address and device
    traceparent tracestate
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256

from cloudevents.http import from_http

from functions.kernel import new_id

SPECVERSION = "1.0"
JSON = "application/json"
TRACE = frozenset({"traceparent", "tracestate"})
OWN = frozenset({"specversion", "id", "source", "type", "time", "datacontenttype", "content-type"})


FINGERPRINT = re.compile(r"^[0-9a-f]{64}$")


class NotAMessage(ValueError):
    """The request is no CloudEvent. The text says what is missing."""


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment_of(text: str | None) -> datetime | None:
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
        """Binary or structured mode. Raises NotAMessage."""
        if (message := cls._binary(headers, body)) is not None:
            return message
        try:
            event = from_http(dict(headers), body, data_unmarshaller=lambda data: data)
        except Exception as error:
            raise NotAMessage(str(error)) from error
        known = event.get_attributes()
        data = event.get_data()
        raw = data if isinstance(data, bytes) else data.encode() if isinstance(data, str) else b""
        rest = {name: str(value) for name, value in known.items() if name not in OWN and value is not None}
        for name in ("traceparent", "tracestate"):
            if name in headers and name not in rest:
                rest[name] = headers[name]
        return cls(str(known["id"]), str(known["source"]), str(known["type"]), str(known.get("time") or ""), raw, rest)

    @classmethod
    def from_headers(cls, headers: Mapping[str, str], body: bytes) -> "Message":
        """From what `headers()` gave."""
        rest = {name: value for name, value in headers.items() if name not in OWN}
        return cls(headers["id"], headers["source"], headers["type"], headers.get("time", ""), body, rest)

    @classmethod
    def _binary(cls, headers: Mapping[str, str], body: bytes) -> "Message | None":
        """Parse the binary mode without the library: all of Capsule's messages use it. None: the library decides."""
        attributes: dict[str, str] = {}
        for name, value in headers.items():
            if name.startswith("ce-"):
                attributes[name[3:]] = value
            elif name in TRACE:
                attributes.setdefault(name, value)
            elif name == "content-type" and not value.startswith(JSON):
                return None
        own = [attributes.pop(name, "") for name in ("specversion", "id", "source", "type")]
        time = attributes.pop("time", "")
        attributes.pop("datacontenttype", None)
        version, id, source, type = own
        return cls(id, source, type, time, body, attributes) if version == SPECVERSION and id and source and type else None

    def headers(self) -> dict[str, str]:
        """As AMQP headers."""
        own = {
            "specversion": SPECVERSION,
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "time": self.time,
            "datacontenttype": JSON,
            "content-type": JSON,
        }
        headers = {**self.attributes, **{name: value for name, value in own.items() if value}}
        if "traceparent" in headers:
            headers.setdefault("tracestate", "")  # an empty one does not survive HTTP, and without it the dispatcher drops both
        return headers

    def get(self, name: str) -> str | None:
        return self.attributes.get(name) or None

    def number(self, name: str, default: int = 0) -> int:
        text = self.attributes.get(name, "")
        return int(text) if text.isdigit() else default

    def with_attributes(self, **changed: str | None) -> "Message":
        """A copy; None removes."""
        attributes = {**self.attributes, **changed}
        return replace(self, attributes={name: value for name, value in attributes.items() if value is not None})

    @property
    def attempt(self) -> int:
        """1 for the first try."""
        return self.number("attempt", 1)

    @property
    def version(self) -> int:
        return self.number("dataversion", 1) or 1

    @property
    def deadline(self) -> datetime | None:
        return moment_of(self.get("deadline"))

    @property
    def due(self) -> datetime | None:
        return moment_of(self.get("due"))

    @property
    def correlation(self) -> str:
        return self.get("correlationid") or self.id

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the request: the same idempotency key with another fingerprint is another request.

        The gateway sends it as a hexadecimal header, computed without the secrets, because encrypting a secret twice gives different bytes.
        """
        header = self.get("fingerprint")
        return bytes.fromhex(header) if header and FINGERPRINT.match(header) else sha256(self.body).digest()


def new_message(type: str, source: str, body: bytes, at: datetime, id: str | None = None, **attributes: str | None) -> Message:
    present = {name: value for name, value in attributes.items() if value is not None}
    return Message(id or str(new_id()), source, type, stamp(at), body, present)
