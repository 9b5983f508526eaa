"""From method and path to a function: a table that is built once from the declarations.

Paths without parameters are found with one look-up; the others in a tree of their segments, a literal segment before a parameter.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from functions.kernel import Declaration, File, Kind, RawRequest

PARAMETER = re.compile(r"{(\w+)}")
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
WELL_KNOWN = "/.well-known/"  # RFC 8615: public by its nature


class AmbiguousRoute(Exception):
    """Two functions claim the same method and path."""


@dataclass(frozen=True)
class Route:
    """One function's door, with what the gateway looks up on every request."""

    declaration: Declaration
    method: str
    path: str  # as clients see it: /v1/apps/{appId}
    input: type[BaseModel]
    path_names: tuple[str, ...]  # aliases, in the order of the path
    rest: frozenset[str]  # aliases of all other fields: of the body, or of the query
    many: frozenset[str]  # those of them that may be repeated in a query
    secrets: tuple[str, ...]  # aliases that are sealed
    cacheable: bool
    raw: Mapping[str, str] | None  # of a body taken as it comes: alias → the request header that it is
    media_type: str | None  # of an answer that is a file

    @property
    def name(self) -> str:
        return self.declaration.name

    @property
    def mutates(self) -> bool:
        return self.declaration.kind is Kind.COMMAND

    @property
    def takes_body(self) -> bool:
        return self.method in WITH_BODY


def public_path(path: str) -> str:
    """Parameters in camelCase, as on the wire everywhere."""
    return PARAMETER.sub(lambda found: "{" + to_camel(found[1]) + "}", path)


def alias_of(model: type[BaseModel], name: str) -> str:
    info = model.model_fields[name]
    return info.serialization_alias or info.alias or name


def route_of(declaration: Declaration) -> Route | None:
    if declaration.route is None or declaration.input is None:
        return None
    method, path = declaration.route
    model = declaration.input
    in_path = PARAMETER.findall(path)
    aliases = {name: alias_of(model, name) for name in model.model_fields}
    rest = {name: alias for name, alias in aliases.items() if name not in in_path}
    raw = issubclass(model, RawRequest)
    output = declaration.output
    return Route(
        declaration=declaration,
        method=method,
        path=PARAMETER.sub(lambda found: "{" + aliases[found[1]] + "}", path),
        input=model,
        path_names=tuple(aliases[name] for name in in_path),
        rest=frozenset(rest.values()),
        many=frozenset(alias for name, alias in rest.items() if _is_many(model, name)),
        secrets=tuple(sorted(aliases[name] for name in declaration.secret_fields)),
        cacheable=declaration.kind is Kind.QUERY and declaration.allow.anyone and path.startswith(WELL_KNOWN) and not model.model_fields,
        raw={alias: name.replace("_", "-") for name, alias in rest.items() if name not in RawRequest.model_fields} if raw else None,
        media_type=output.media_type if isinstance(output, type) and issubclass(output, File) else None,
    )


def _is_many(model: type[BaseModel], name: str) -> bool:
    schema = model.model_json_schema(by_alias=False)["properties"][name]
    return any(choice.get("type") == "array" for choice in (schema, *schema.get("anyOf", ())))


@dataclass
class _Node:
    literal: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    methods: dict[str, Route] = field(default_factory=dict)


class Table:
    def __init__(self, declarations: Iterable[Declaration]) -> None:
        self._fixed: dict[str, dict[str, Route]] = {}
        self._root = _Node()
        self.routes: Sequence[Route] = tuple(route for route in map(route_of, declarations) if route)
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
        twin = methods.setdefault(route.method, route)
        if twin is not route:
            raise AmbiguousRoute(f"{route.name} and {twin.name} both answer to {route.method} {route.path}")

    def find(self, path: str) -> tuple[Mapping[str, Route], tuple[str, ...]]:
        """The functions at this path by method, and the values of its parameters. Nothing there: an empty mapping."""
        fixed = self._fixed.get(path)
        if fixed is not None:
            return fixed, ()
        found = _walk(self._root, path[1:].split("/"), 0, ())
        return found if found is not None else ({}, ())


def _walk(node: _Node, segments: Sequence[str], at: int, values: tuple[str, ...]) -> tuple[Mapping[str, Route], tuple[str, ...]] | None:
    if at == len(segments):
        return (node.methods, values) if node.methods else None
    segment = segments[at]
    literal = node.literal.get(segment)
    if literal is not None:
        found = _walk(literal, segments, at + 1, values)
        if found is not None:
            return found
    if node.parameter is not None and segment:
        return _walk(node.parameter, segments, at + 1, (*values, segment))
    return None
