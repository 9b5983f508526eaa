"""CloudEvents as the Go SDK under Knative reads and writes them, over AMQP headers and HTTP, binary and structured. Pure.

Python's own `cloudevents` package is kinder than Go's: it takes names, times and types that a cluster's dispatcher throws away. What is
lost there must be lost here, so the rules below follow the Go code (sdk-go v2, and eventing-rabbitmq's message.go) to the letter: which
name is an attribute, which value fails the whole message, which only makes the event invalid.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import orjson

Value = str | int | bool

VERSIONS: Final = frozenset({"1.0", "0.3"})
REQUIRED: Final = ("id", "source", "type")
ATTRIBUTES: Final = frozenset({"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"})
JSON: Final = "application/json"
STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
NO_TIME: Final = "0001-01-01T00:00:00Z"
"""what Go writes for a time that was never set"""

_NAME = re.compile(r"[a-z0-9]+")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_MEDIA_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+(/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?\s*(;.*)?", re.DOTALL)
_LEGAL_IN_URI = "%/:?#[]@!$&'()*+,;=~-._"


class Malformed(Exception):
    """Not a CloudEvent at all; says why."""


@dataclass(slots=True)
class Event:
    attributes: dict[str, str]
    extensions: dict[str, Value] = field(default_factory=dict)
    data: bytes = b""

    def get(self, name: str) -> str:
        return self.attributes.get(name, "")

    def fault(self) -> str | None:
        """Why the SDK would refuse to send it; None for a valid event."""
        for name in REQUIRED:
            if not self.attributes.get(name, "").strip():
                return f"{name} must be a non-empty string"
        content_type = self.attributes.get("datacontenttype")
        if content_type is not None and not _MEDIA_TYPE.fullmatch(content_type):
            return f"datacontenttype {content_type!r} is no media type"
        schema = self.attributes.get("dataschema")
        if schema is not None and not _SCHEME.match(schema):
            return f"dataschema {schema!r} is no absolute URI"
        return None

    def unsendable(self) -> str | None:
        """The name of a value that HTTP cannot carry in a header."""
        for name, value in (*self.attributes.items(), *self.extensions.items()):
            if isinstance(value, str) and _UNSENDABLE.search(value):
                return name
        return None


def canonical_time(text: str) -> str:
    """RFC 3339 in UTC with as many decimals as are needed (Go: RFC3339Nano); Malformed when it is no time."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise Malformed(f"time {text!r} is not in RFC 3339")
    seconds, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(seconds + ("+00:00" if zone == "Z" else zone))
        if zone != "Z":
            seconds = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError) as error:
        raise Malformed(f"time {text!r}: {error}") from error
    fraction = (fraction or "")[:9].rstrip("0")
    return f"{seconds}.{fraction}Z" if fraction else f"{seconds}Z"


def canonical_uri(name: str, text: str) -> str:
    """What Go's url.Parse makes of it and String() writes again; Malformed where Parse fails."""
    if _CONTROL.search(text) or _ESCAPE.search(text) or text.startswith(":"):
        raise Malformed(f"{name} {text!r} is no URI reference")
    if not _SCHEME.match(text) and ":" in text.partition("/")[0].partition("?")[0].partition("#")[0]:
        raise Malformed(f"{name} {text!r}: first path segment cannot contain a colon")
    return quote(text, safe=_LEGAL_IN_URI).removesuffix("#")


def set_attribute(event: Event, name: str, value: str) -> None:
    """One attribute or extension by its lower-case name, by the SDK's rules."""
    match name:
        case "specversion":
            if value not in VERSIONS:
                raise Malformed(f"specversion {value!r} is unknown")
            event.attributes[name] = value
        case "id":
            if not value.strip():
                raise Malformed("id is required to be a non-empty string")
            event.attributes[name] = value.strip()
        case "type":
            event.attributes[name] = value.strip()
        case "source":
            event.attributes[name] = canonical_uri(name, value)
        case "time":
            moment = canonical_time(value)
            if moment != NO_TIME:
                event.attributes[name] = moment
        case "datacontenttype" | "subject":
            if value.strip():
                event.attributes[name] = value.strip()
        case "dataschema":
            if value.strip():
                event.attributes[name] = canonical_uri(name, value.strip())
        case _:
            if not _NAME.fullmatch(name):
                raise Malformed(f"{name!r} is not a CloudEvents name: only a-z and 0-9")
            event.extensions[name] = value


def media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def from_structured(body: bytes) -> Event:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"structured event is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Malformed("structured event is not a JSON object")
    if document.get("specversion") not in VERSIONS:
        raise Malformed(f"specversion {document.get('specversion')!r} is unknown")
    event = Event({})
    for name, value in document.items():
        if name in ("data", "data_base64") or value is None:
            continue
        if isinstance(value, str):
            set_attribute(event, name.lower(), value)
        elif isinstance(value, bool | int) and name not in ATTRIBUTES:
            set_attribute(event, name.lower(), "")
            event.extensions[name.lower()] = value
        else:
            raise Malformed(f"{name!r} has a value that no CloudEvents attribute can have")
    event.data = _structured_data(document, event)
    return event


def _structured_data(document: Mapping[str, Any], event: Event) -> bytes:
    if (encoded := document.get("data_base64")) is not None:
        try:
            return base64.b64decode(encoded, validate=True)
        except (ValueError, TypeError) as error:
            raise Malformed(f"data_base64: {error}") from error
    if "data" not in document or document["data"] is None:
        return b""
    kind = media_type(event.get("datacontenttype"))
    if isinstance(document["data"], str) and kind and kind != "text/json" and not kind.endswith(("/json", "+json")):
        return document["data"].encode()
    event.attributes.setdefault("datacontenttype", "application/json")
    try:
        return orjson.dumps(document["data"])
    except TypeError as error:
        raise Malformed(f"data cannot be kept: {error}") from error


def from_http(headers: Mapping[str, str], body: bytes) -> Event | None:
    """The event in a request or an answer, names of headers in any case; None where there is none, Malformed where it is broken."""
    plain = {name.lower(): value for name, value in headers.items()}
    content_type = plain.get("content-type", "")
    match media_type(content_type):
        case "application/cloudevents+json":
            return from_structured(body)
        case "application/cloudevents-batch+json":
            raise Malformed("a batch of events is not taken")
    if plain.get("ce-specversion") not in VERSIONS:
        return None
    event = Event({}, data=body)
    for name, value in plain.items():
        if name.startswith("ce-"):
            set_attribute(event, name[3:], value)
        elif name == "content-type":
            set_attribute(event, "datacontenttype", value)
    return event


def to_http(event: Event) -> dict[str, str]:
    """Binary mode. The body is the event's data."""
    headers = {}
    for name, value in event.attributes.items():
        headers["Content-Type" if name == "datacontenttype" else f"Ce-{name.capitalize()}"] = value
    for name, extension in event.extensions.items():
        headers[f"Ce-{name.capitalize()}"] = text_of(extension)
    return headers


def text_of(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def to_amqp(event: Event, trace: tuple[str, str] | None = None) -> dict[str, Any]:
    """The headers under which eventing-rabbitmq publishes it: unprefixed, `content-type` and `time` always there."""
    headers: dict[str, Any] = {
        "content-type": event.get("datacontenttype"),
        "specversion": event.get("specversion"),
        "time": event.attributes.get("time", NO_TIME),
        "id": event.get("id"),
    }
    for name in ("type", "source", "subject", "dataschema"):
        if value := event.get(name):
            headers[name] = value
    if trace is not None:
        headers["traceparent"], headers["tracestate"] = trace
    headers.update(event.extensions)
    return headers
