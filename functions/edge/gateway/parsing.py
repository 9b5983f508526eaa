"""Read and check requests: an HTTP request becomes the input of a function, its secrets encrypted.

The message has the client's own JSON in canonical form, not a dump of the model: the function validates the same
document again, and nothing is lost or added in between. Names are those of the published schema: camelCase, path
parameters only in the path.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import orjson
from pydantic import ValidationError
from starlette.requests import Request

from functions.edge.gateway.problems import INVALID, INVALID_JSON, NOT_JSON, SLOW_BODY, TOO_LARGE, Problem
from functions.edge.gateway.routing import Route
from functions.kernel import FieldError, Location, json_pointer
from functions.wire.problems import field_errors, invalid_detail

MAX_DEPTH = 100
"""Levels of objects and arrays in a body. orjson writes up to 254, pydantic reads up to about 200."""

Encrypt = Callable[[str, str], str]
"""(context, secret) → sealed text."""


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """`body`: the message's. `fingerprint`: SHA-256 of the input without its secrets, in hex; None if the body has none.

    The inbox compares fingerprints, because sealing one secret twice gives two different texts. Secrets are left out, so
    that nobody can try passwords on the fingerprint.
    """

    body: bytes
    fingerprint: str | None = None


async def read_body(request: Request, limit: int) -> bytes:
    """Read the body, at most `limit` bytes. Raises Problem 413, 408.

    The server answers a body that arrives too slowly itself, and ends the stream (`functions.runtime.serving.http_protocol`).
    """
    length = next((value.decode("latin-1") for name, value in request.scope["headers"] if name == b"content-length"), "")
    if length.isdigit() and int(length) > limit:
        raise Problem(TOO_LARGE, f"The body has {length} bytes. The limit is {limit} bytes.", headers={"connection": "close"})
    chunks: list[bytes] = []
    size = 0
    is_complete = False
    while not is_complete:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Problem(SLOW_BODY, "The connection ended before the body was complete.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise Problem(TOO_LARGE, f"The body has more than {limit} bytes.", headers={"connection": "close"})
        chunks.append(chunk)
        is_complete = not message.get("more_body", False)
    return b"".join(chunks)


def parse_json(raw: bytes, content_type: str, content_encoding: str) -> dict[str, Any]:
    """Parse a JSON object. An empty body is an empty object. Raises Problem 400, 415, 422."""
    if not raw:
        return {}
    media_type, _, parameters = content_type.partition(";")
    media_type = media_type.strip().lower()
    charset = parameters.partition("charset=")[2].strip(' ";').lower() or "utf-8"
    is_json = media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))
    if not is_json or charset not in ("utf-8", "utf8") or content_encoding.lower() not in ("", "identity"):
        raise Problem(NOT_JSON, headers={"accept": "application/json"})
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if error.msg.startswith("depth limit"):
            raise _too_deep() from None
        raise Problem(INVALID_JSON, f"The body is not JSON: {error.msg}, line {error.lineno}, column {error.colno}.") from None
    if not isinstance(document, dict):
        raise Problem(INVALID, "The body must be a JSON object.", errors=[FieldError("", "must be an object")])
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _is_deeper_than(document, MAX_DEPTH):
        raise _too_deep()
    return document


def _is_deeper_than(document: Any, limit: int) -> bool:
    level = [document]
    for _ in range(limit):
        inner = [child for value in level for child in (value.values() if isinstance(value, dict) else value)]
        level = [child for child in inner if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _too_deep() -> Problem:
    detail = f"is nested deeper than {MAX_DEPTH} levels"
    return Problem(INVALID, f"The body {detail}.", errors=[FieldError("", detail)])


def parse_query(raw: bytes, repeatable: frozenset[str]) -> dict[str, Any]:
    """Parse a query string or form. Repeatable names have a list of texts. Raises Problem 422 for others that are repeated."""
    values: dict[str, Any] = {}
    errors: dict[str, FieldError] = {}
    for name, value in parse_qsl(raw.decode("latin-1"), keep_blank_values=True):
        if name in repeatable:
            values.setdefault(name, []).append(value)
        elif name in values:
            errors[name] = FieldError(json_pointer([name]), "must not be repeated", "query")
        else:
            values[name] = value
    if errors:
        raise _invalid(list(errors.values()))
    return values


def parse_request(
    route: Route, payload: Mapping[str, Any], path_values: Sequence[str], encrypt: Encrypt, *, has_types: bool = False
) -> ParsedRequest:
    """Check the input of a function and encrypt its secrets. `payload`: of the body or query. Raises Problem 422 with every fault.

    `has_types`: its values have the types of JSON. Without, as in a query or form, texts are read as numbers and truth values.
    """
    source: Location = "body" if route.takes_body else "query"
    known = {name: value for name, value in payload.items() if name in route.rest}
    document = {**known, **dict(zip(route.path_names, path_values, strict=True))}
    errors = [FieldError(json_pointer([name]), "is not a field of this request", source) for name in payload if name not in known]
    public = {name: value for name, value in document.items() if name not in route.secrets}
    body = orjson.dumps(public, option=orjson.OPT_SORT_KEYS)
    if has_types:
        errors += _typed_errors(route, document, orjson.dumps(document) if route.secrets else body)
    else:
        errors += _validation_errors(route, document, source)
    if b"\\u0000" in body:
        errors += _nul_errors(public, source, route)
    if errors:
        raise _invalid(errors)
    if not route.secrets:
        return ParsedRequest(body)
    context = route.declaration.context
    sealed = {name: _seal(document[name], context, encrypt) for name in route.secrets if document.get(name) is not None}
    return ParsedRequest(orjson.dumps({**document, **sealed}, option=orjson.OPT_SORT_KEYS), sha256(body).hexdigest())


def parse_raw_request(route: Route, raw: bytes, headers: Mapping[str, str], path_values: Sequence[str]) -> ParsedRequest:
    """Take a body unparsed, with the headers that the function declares. Raises Problem 422."""
    assert route.raw is not None
    fields = {alias: headers[name] for alias, name in route.raw.items() if name in headers}
    fields |= dict(zip(route.path_names, path_values, strict=True))
    if errors := _validation_errors(route, {**fields, "body": raw}, "header"):
        raise _invalid(errors)
    return ParsedRequest(orjson.dumps({**fields, "body": urlsafe_b64encode(raw).decode()}, option=orjson.OPT_SORT_KEYS))


def _invalid(errors: Sequence[FieldError]) -> Problem:
    return Problem(INVALID, invalid_detail(errors), errors=errors)


def _validation_errors(route: Route, document: Mapping[str, Any], source: Location) -> list[FieldError]:
    try:
        route.input.model_validate(document)
    except ValidationError as error:
        return field_errors(error, lambda name: "path" if name in route.path_names else source)
    return []


def _typed_errors(route: Route, document: Mapping[str, Any], raw: bytes) -> list[FieldError]:
    """Refuse `"5.00"` and `true` for an integer too, of which pydantic makes 5 and 1: an amount in minor units would be another one.

    5.0 is the integer 5 (JSON Schema 2020-12, validation, 6.1.1). Values of the path are texts. `raw`: the document.
    """
    try:
        route.input.model_validate_json(raw, strict=True)
    except ValidationError as error:
        return _validation_errors(route, document, "body") or [
            FieldError(json_pointer(fault["loc"]), _TYPES_OF_JSON.get(fault["type"], fault["msg"]))
            for fault in error.errors(include_url=False, include_context=False)
            if not set(fault["loc"][:1]) & set(route.path_names) and not (fault["type"] == "int_type" and isinstance(fault["input"], float))
        ]
    return []


_TYPES_OF_JSON = {
    "int_type": "must be a whole number, as in 5, without quotation marks",
    "float_type": "must be a number, as in 0.5, without quotation marks",
    "bool_type": "must be true or false, without quotation marks",
    "datetime_type": 'must be a text with a time, as in "2026-05-01T12:00:00Z"',
}


def _seal(value: Any, context: str, encrypt: Encrypt) -> Any:
    """A text, or each value of an object: the input is valid, so there is nothing else."""
    return {name: encrypt(context, text) for name, text in value.items()} if isinstance(value, dict) else encrypt(context, value)


def _nul_errors(value: Any, source: Location, route: Route, path: tuple[str | int, ...] = ()) -> Iterator[FieldError]:
    """PostgreSQL stores no U+0000 in text: refuse it here instead of failing there."""
    location: Location = "path" if path and path[0] in route.path_names else source
    if isinstance(value, str):
        if "\x00" in value:
            yield FieldError(json_pointer(path), "must not contain the character U+0000", location)
    elif isinstance(value, dict):
        if any("\x00" in name for name in value):
            yield FieldError(json_pointer(path), "has a name with the character U+0000", location)
        for name, inner in value.items():
            yield from _nul_errors(inner, source, route, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _nul_errors(inner, source, route, (*path, index))
