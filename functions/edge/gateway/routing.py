"""The table of routes: method and path lead to a function. It is built once from the declarations.

Paths without parameters need one look-up. The others are in a tree of segments, where a literal comes before a parameter.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from pydantic import BaseModel

from functions.kernel import Declaration, EventStream, File, FormerVersion, Kind, Page, RawRequest

PARAMETER = re.compile(r"{(\w+)}")
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
WELL_KNOWN = "/.well-known/"
"""RFC 8615: metadata that anyone may read and caches may store."""


FIELDS = "fields"
"""The query parameter that selects fields of a response (`functions.edge.gateway.fields`)."""
CURSOR = "cursor"


class AmbiguousRoute(Exception):
    """Two functions declare the same method and path."""


@dataclass(frozen=True, eq=False)
class Route:
    """The endpoint of one function, or of a former version of it. Field names are aliases, as on the wire.

    `path`: with camelCase parameters, `/v1/apps/{applicationId}`. `path_names`: in the order of the path.
    `rest`: all other fields, from body or query. `repeatable`: those of them that are lists. `secrets`: sealed fields.
    `raw`: for a body that is not parsed, field → request header. `media_type`: of a response that is a file.
    `is_stream`: the response is a stream of server-sent events.
    `version`: of the input. `output`: the type of the response. `successor`: the path of the current version, of a former one.
    """

    declaration: Declaration
    method: str
    path: str
    input: type[BaseModel]
    path_names: tuple[str, ...]
    rest: frozenset[str]
    repeatable: frozenset[str]
    secrets: tuple[str, ...]
    cacheable: bool
    raw: Mapping[str, str] | None
    media_type: str | None
    version: int
    output: Any
    former: FormerVersion | None = None
    successor: str | None = None
    is_stream: bool = False

    @property
    def key(self) -> str:
        """`GET /v1/apps/{applicationId}`"""
        return f"{self.method} {self.path}"

    @property
    def is_list(self) -> bool:
        """Whether it answers with a `Page`."""
        return self.declaration.kind is Kind.QUERY and isinstance(self.output, type) and issubclass(self.output, Page)

    @property
    def is_paginated(self) -> bool:
        """Whether it answers with a `Page` and takes the cursor of the next one."""
        return self.is_list and CURSOR in self.rest

    @property
    def has_fields(self) -> bool:
        """Whether a client may select fields of its response. Not where `fields` is an input, or a standard has the whole document."""
        is_json = self.declaration.kind is Kind.QUERY and self.media_type is None and not self.is_stream
        return is_json and not self.cacheable and not self.takes_body and FIELDS not in self.rest

    @property
    def name(self) -> str:
        return self.declaration.name

    @property
    def mutates(self) -> bool:
        return self.declaration.kind is Kind.COMMAND

    @property
    def takes_body(self) -> bool:
        return self.method in WITH_BODY


def alias_of(model: type[BaseModel], name: str) -> str:
    info = model.model_fields[name]
    return info.serialization_alias or info.alias or name


def routes_of(declaration: Declaration) -> Iterator[Route]:
    """Yield the route of a declaration, then its former versions. None without an HTTP endpoint."""
    current = route_of(declaration)
    if current is None:
        return
    yield current
    for former in declaration.former:
        model = former.request or current.input
        version = former.version if former.request is not None else current.version
        route = _route(declaration, *declaration.parse_route(former.http, model), model)
        yield replace(route, version=version, output=former.response or current.output, former=former, successor=current.path)


def route_of(declaration: Declaration) -> Route | None:
    """Return the current route of a declaration; None if it has no HTTP endpoint."""
    if declaration.route is None or declaration.input is None:
        return None
    return _route(declaration, *declaration.route, declaration.input)


def _route(declaration: Declaration, method: str, path: str, model: type[BaseModel]) -> Route:
    in_path = PARAMETER.findall(path)
    aliases = {name: alias_of(model, name) for name in model.model_fields}
    rest = {name: alias for name, alias in aliases.items() if name not in in_path}
    raw = issubclass(model, RawRequest)
    output = declaration.output
    return Route(
        declaration=declaration,
        method=method,
        path=PARAMETER.sub(lambda match: "{" + aliases[match[1]] + "}", path),
        input=model,
        path_names=tuple(aliases[name] for name in in_path),
        rest=frozenset(rest.values()),
        repeatable=frozenset(alias for name, alias in rest.items() if name in _lists_of(model)),
        secrets=tuple(sorted(alias for name, alias in aliases.items() if name in declaration.secret_fields)),
        cacheable=declaration.kind is Kind.QUERY and declaration.allow.anyone and path.startswith(WELL_KNOWN) and not model.model_fields,
        raw={alias: name.replace("_", "-") for name, alias in rest.items() if name not in RawRequest.model_fields} if raw else None,
        media_type=output.media_type if isinstance(output, type) and issubclass(output, File) else None,
        is_stream=isinstance(output, type) and issubclass(output, EventStream),
        version=declaration.version,
        output=output,
    )


@cache
def _lists_of(model: type[BaseModel]) -> frozenset[str]:
    """Return the names of the fields that are lists. Cached: a model's schema takes a millisecond, and each route asks for each of its fields."""
    properties = model.model_json_schema(by_alias=False).get("properties", {})
    return frozenset(
        name for name, schema in properties.items() if any(choice.get("type") == "array" for choice in (schema, *schema.get("anyOf", ())))
    )


@dataclass
class _Node:
    literal: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    methods: dict[str, Route] = field(default_factory=dict)


class Table:
    def __init__(self, declarations: Iterable[Declaration]) -> None:
        self._fixed: dict[str, dict[str, Route]] = {}
        self._root = _Node()
        self.routes: Sequence[Route] = tuple(route for declaration in declarations for route in routes_of(declaration))
        for route in self.routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        if not route.path_names:
            methods = self._fixed.setdefault(route.path, {})
        else:
            node = self._root
            for segment in route.path[1:].split("/"):
                if segment.startswith("{"):
                    node.parameter = node.parameter or _Node()
                    node = node.parameter
                else:
                    node = node.literal.setdefault(segment, _Node())
            methods = node.methods
        other = methods.setdefault(route.method, route)
        if other is not route:
            raise AmbiguousRoute(f"{route.name} and {other.name} both have the route {route.key}")

    def find(self, path: str) -> tuple[Mapping[str, Route], tuple[str, ...]]:
        """Return the routes at this path by method (empty: none), and the values of the path's parameters."""
        fixed = self._fixed.get(path)
        if fixed is not None:
            return fixed, ()
        return _walk(self._root, path[1:].split("/"), 0, ()) or ({}, ())


def _walk(node: _Node, segments: Sequence[str], index: int, values: tuple[str, ...]) -> tuple[Mapping[str, Route], tuple[str, ...]] | None:
    if index == len(segments):
        return (node.methods, values) if node.methods else None
    segment = segments[index]
    literal = node.literal.get(segment)
    if literal is not None:
        match = _walk(literal, segments, index + 1, values)
        if match is not None:
            return match
    if node.parameter is not None and segment:
        return _walk(node.parameter, segments, index + 1, (*values, segment))
    return None
