"""What a client sent becomes the input of a function: read, typed, checked, and its secrets sealed before they travel.

What goes out is the client's own JSON in canonical form, not a dump of the model: the function builds its model from the same words, and
nothing is lost or added on the way. Names are those of the published schema: camelCase only, path parameters only in the path.
"""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import orjson
from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request

from functions.edge.gateway.problems import INVALID, INVALID_JSON, NOT_JSON, SLOW_BODY, TOO_LARGE, Fault, Problem
from functions.edge.gateway.routing import Route

Seal = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class Intake:
    """`fingerprint` stands for the input where `body` cannot: sealing the same secret twice gives two texts. It leaves secrets out, so
    that nobody can try passwords on it."""

    body: bytes
    fingerprint: str | None = None


async def read_body(request: Request, limit: int, seconds: float) -> bytes:
    """Raises Problem 413, 408."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise Problem(TOO_LARGE, f"The body has {length} bytes; {limit} are accepted.", headers={"connection": "close"})
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise Problem(TOO_LARGE, f"The body has more than {limit} bytes.", headers={"connection": "close"})
                chunks.append(chunk)
    except TimeoutError:
        raise Problem(SLOW_BODY, headers={"connection": "close"}) from None
    except ClientDisconnect:
        raise Problem(SLOW_BODY, "The client went away before its body had arrived.") from None
    return b"".join(chunks)


def parse_json(raw: bytes, content_type: str, content_encoding: str) -> dict[str, Any]:
    """Raises Problem 400, 415, 422."""
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
        raise Problem(INVALID_JSON, f"The body is not JSON: {error.msg}, line {error.lineno}, column {error.colno}.") from None
    if not isinstance(document, dict):
        raise Problem(INVALID, "The body must be a JSON object.", errors=[Fault("", "must be an object")])
    return document


def parse_query(raw: bytes, many: frozenset[str]) -> dict[str, Any]:
    """A name that may be repeated becomes a list; another that is repeated becomes one too, and fails as such."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(raw.decode("latin-1"), keep_blank_values=True):
        if name in many:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise Problem(INVALID, errors=[Fault(_pointer([name]), "is given more than once", "query")])
        else:
            found[name] = value
    return found


def take(route: Route, given: dict[str, Any], path_values: Sequence[str], seal: Seal) -> Intake:
    """Raises Problem 422 with every fault."""
    unknown = [name for name in given if name not in route.rest]
    where = "body" if route.takes_body else "query"
    if unknown:
        raise Problem(INVALID, errors=[Fault(_pointer([name]), "is not a field of this request", where) for name in unknown])
    if path_values:
        given = {**given, **dict(zip(route.path_names, path_values, strict=True))}
    try:
        route.input.model_validate(given)
    except ValidationError as error:
        raise Problem(INVALID, errors=_faults(error, route, where)) from None
    if not route.secrets:
        body = orjson.dumps(given, option=orjson.OPT_SORT_KEYS)
        _refuse_nul(given, body, where)
        return Intake(body)
    open_part = {name: value for name, value in given.items() if name not in route.secrets}
    shown = orjson.dumps(open_part, option=orjson.OPT_SORT_KEYS)
    _refuse_nul(open_part, shown, where)
    context = route.declaration.context
    sealed = {name: _sealed(given[name], context, seal) for name in route.secrets if given.get(name) is not None}
    return Intake(orjson.dumps({**given, **sealed}, option=orjson.OPT_SORT_KEYS), sha256(shown).hexdigest())


def _sealed(value: Any, context: str, seal: Seal) -> Any:
    """A text, or each value of an object (it was validated as one or the other)."""
    return {name: seal(context, text) for name, text in value.items()} if isinstance(value, dict) else seal(context, value)


def take_raw(route: Route, raw: bytes, headers: Mapping[str, str], path_values: Sequence[str]) -> Intake:
    """The body as it came, whatever it is, and the headers that the function asks for. Raises Problem 422."""
    assert route.raw is not None
    given = {alias: headers[name] for alias, name in route.raw.items() if name in headers}
    given |= dict(zip(route.path_names, path_values, strict=True))
    try:
        route.input.model_validate({**given, "body": raw})
    except ValidationError as error:
        raise Problem(INVALID, errors=_faults(error, route, "header")) from None
    return Intake(orjson.dumps({**given, "body": urlsafe_b64encode(raw).decode()}, option=orjson.OPT_SORT_KEYS))


def _pointer(path: Sequence[Any]) -> str:
    """RFC 6901."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _faults(error: ValidationError, route: Route, where: str) -> list[Fault]:
    """No input value is repeated: it may be a secret."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        Fault(_pointer(fault["loc"]), _said(fault["msg"]), "path" if fault["loc"] and fault["loc"][0] in route.path_names else where)
        for fault in found
    ]


def _said(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Assertion failed, ")


def _refuse_nul(value: Any, encoded: bytes, where: str) -> None:
    """PostgreSQL keeps no U+0000 in text: better said here than found there."""
    if b"\\u0000" in encoded:
        found = _nul_faults(value, where)
        if found:
            raise Problem(INVALID, "Text must not hold the character U+0000.", errors=found)


def _nul_faults(value: Any, where: str, path: tuple[Any, ...] = ()) -> list[Fault]:
    if isinstance(value, str):
        return [Fault(_pointer(path), "holds the character U+0000", where)] if "\x00" in value else []
    if isinstance(value, dict):
        here = [Fault(_pointer(path), "has a name with the character U+0000", where)] if any("\x00" in name for name in value) else []
        return here + [fault for name, inner in value.items() for fault in _nul_faults(inner, where, (*path, name))]
    if isinstance(value, list):
        return [fault for index, inner in enumerate(value) for fault in _nul_faults(inner, where, (*path, index))]
    return []
