"""CloudEvents as Knative's Go SDK reads and writes them: over AMQP headers and HTTP, binary and structured. Pure.

The rules follow the Go code (sdk-go v2, eventing-rabbitmq's message.go) exactly: which name is an attribute, which
value makes the whole message malformed, which only makes the event invalid. Python's `cloudevents` package accepts
names, times and types that a cluster's dispatcher drops; an event that is lost on a cluster must be lost here too.
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
"""What Go writes for a time that was never set."""

_NAME = re.compile(r"[a-z0-9]+")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_MEDIA_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+(/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?\s*(;.*)?", re.DOTALL)
_LEGAL_IN_URI = "%/:?#[]@!$&'()*+,;=~-._"


class MalformedEvent(Exception):
    """A message that is not a CloudEvent. The text says why."""


@dataclass(slots=True)
class Event:
    """`attributes`: those of the specification, as text. `extensions`: all others."""

    attributes: dict[str, str]
    extensions: dict[str, Value] = field(default_factory=dict)
    data: bytes = b""

    def get(self, name: str) -> str:
        return self.attributes.get(name, "")

    def invalid_reason(self) -> str | None:
        """Return why the SDK refuses to send the event; None for a valid one."""
        for name in REQUIRED:
            if not self.attributes.get(name, "").strip():
                return f"{name} must be a non-empty string"
        content_type = self.attributes.get("datacontenttype")
        if content_type is not None and not _MEDIA_TYPE.fullmatch(content_type):
            return f"datacontenttype {content_type!r} is not a media type"
        schema = self.attributes.get("dataschema")
        if schema is not None and not _SCHEME.match(schema):
            return f"dataschema {schema!r} is not an absolute URI"
        return None

    def unsendable_attribute(self) -> str | None:
        """Return the name of an attribute whose value HTTP headers cannot carry, if there is one."""
        for name, value in (*self.attributes.items(), *self.extensions.items()):
            if isinstance(value, str) and _UNSENDABLE.search(value):
                return name
        return None


def now() -> str:
    """The current time, as attribute `time` has it."""
    return canonical_time(datetime.now(UTC).isoformat())


def canonical_time(text: str) -> str:
    """Convert an RFC 3339 time to UTC without trailing zeros (Go: RFC3339Nano). Raises MalformedEvent."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise MalformedEvent(f"time {text!r} is not in RFC 3339")
    seconds, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(seconds + ("+00:00" if zone == "Z" else zone))
        if zone != "Z":
            seconds = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError) as error:
        raise MalformedEvent(f"time {text!r}: {error}") from error
    fraction = (fraction or "")[:9].rstrip("0")
    return f"{seconds}.{fraction}Z" if fraction else f"{seconds}Z"


def canonical_uri(name: str, text: str) -> str:
    """Normalize a URI reference as Go's url.Parse and String() do. Raises MalformedEvent where Parse fails."""
    if _CONTROL.search(text) or _ESCAPE.search(text) or text.startswith(":"):
        raise MalformedEvent(f"{name} {text!r} is not a URI reference")
    if not _SCHEME.match(text) and ":" in text.partition("/")[0].partition("?")[0].partition("#")[0]:
        raise MalformedEvent(f"{name} {text!r}: first path segment cannot contain a colon")
    return quote(text, safe=_LEGAL_IN_URI).removesuffix("#")


def set_attribute(event: Event, name: str, value: str) -> None:
    """Set an attribute or extension by its lower-case name. Raises MalformedEvent for values that the SDK refuses."""
    match name:
        case "specversion":
            if value not in VERSIONS:
                raise MalformedEvent(f"specversion {value!r} is not supported")
            event.attributes[name] = value
        case "id":
            if not value.strip():
                raise MalformedEvent("id must be a non-empty string")
            event.attributes[name] = value.strip()
        case "type":
            event.attributes[name] = value.strip()
        case "source":
            event.attributes[name] = canonical_uri(name, value)
        case "time":
            time = canonical_time(value)
            if time != NO_TIME:
                event.attributes[name] = time
        case "datacontenttype" | "subject":
            if value.strip():
                event.attributes[name] = value.strip()
        case "dataschema":
            if value.strip():
                event.attributes[name] = canonical_uri(name, value.strip())
        case _:
            if not _NAME.fullmatch(name):
                raise MalformedEvent(f"{name!r} is not a CloudEvents attribute name: use a-z and 0-9")
            event.extensions[name] = value


def media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def from_structured(body: bytes) -> Event:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedEvent(f"structured event is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise MalformedEvent("structured event is not a JSON object")
    if document.get("specversion") not in VERSIONS:
        raise MalformedEvent(f"specversion {document.get('specversion')!r} is not supported")
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
            raise MalformedEvent(f"{name!r} has a value of a type that CloudEvents attributes cannot have")
    event.data = _structured_data(document, event)
    return event


def _structured_data(document: Mapping[str, Any], event: Event) -> bytes:
    if (encoded := document.get("data_base64")) is not None:
        try:
            return base64.b64decode(encoded, validate=True)
        except (ValueError, TypeError) as error:
            raise MalformedEvent(f"data_base64: {error}") from error
    if "data" not in document or document["data"] is None:
        return b""
    kind = media_type(event.get("datacontenttype"))
    if isinstance(document["data"], str) and kind and kind != "text/json" and not kind.endswith(("/json", "+json")):
        return document["data"].encode()
    event.attributes.setdefault("datacontenttype", "application/json")
    try:
        return orjson.dumps(document["data"])
    except TypeError as error:
        raise MalformedEvent(f"data cannot be serialized: {error}") from error


def from_http(headers: Mapping[str, str], body: bytes) -> Event | None:
    """Return the event of a request or response; None if there is none. Header names in any case. Raises MalformedEvent."""
    plain = {name.lower(): value for name, value in headers.items()}
    content_type = plain.get("content-type", "")
    match media_type(content_type):
        case "application/cloudevents+json":
            return from_structured(body)
        case "application/cloudevents-batch+json":
            raise MalformedEvent("batches of events are not supported")
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
    """Return the headers of an event in binary mode; the body is its data."""
    headers = {}
    for name, value in event.attributes.items():
        headers["Content-Type" if name == "datacontenttype" else f"Ce-{name.capitalize()}"] = value
    for name, extension in event.extensions.items():
        headers[f"Ce-{name.capitalize()}"] = format_value(extension)
    return headers


def format_value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def to_amqp(event: Event, trace: tuple[str, str] | None = None) -> dict[str, Any]:
    """Return the headers under which eventing-rabbitmq publishes an event: without prefix, always with `content-type` and `time`."""
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
