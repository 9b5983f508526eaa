"""Generate JSON Schemas of models, with readable names.

pydantic names two models of one name by their module path. Here their context comes first: `AuthHealth`, `BillingHealth`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.alias_generators import to_pascal

Schema = dict[str, Any]
Mode = Literal["validation", "serialization"]

REF = "#/components/schemas/{model}"
_LONG = re.compile(r"^(?:functions|events)__(\w+?)__(?:.*__)?([A-Za-z0-9]+)(?:-(Input|Output))?(?:__\d+)?$")
_GENERIC = re.compile(r"^(?:functions__kernel__(?:page|streams)__)?(?:Page|EventStream|StreamEvent)_")
_SHORT = re.compile(r"^([A-Za-z0-9_]+?)-(Input|Output)(?:__\d+)?$")


class Shapes:
    """The schemas of several types, with shared definitions."""

    def __init__(self, types: Iterable[tuple[Any, Mode]]) -> None:
        by_key = {(repr(type_), mode): (type_, mode) for type_, mode in types}
        inputs = [(key, mode, TypeAdapter(type_)) for key, (type_, mode) in by_key.items()]
        schemas, rest = TypeAdapter.json_schemas(inputs, by_alias=True, ref_template=REF)
        definitions: Mapping[str, Schema] = rest.get("$defs", {})
        names = _readable_names(definitions)
        self.definitions: dict[str, Schema] = {names[name]: _renamed(definitions[name], names) for name in sorted(definitions, key=names.__getitem__)}
        self._schemas = {key: _renamed(schema, names) for (key, _), schema in schemas.items()}

    def of(self, type_: Any, mode: Mode) -> Schema:
        """Return a reference to a model's schema, or the schema of a type without a name."""
        return dict(self._schemas[(repr(type_), mode)])

    def resolved(self, type_: Any, mode: Mode) -> Schema:
        """Return the schema itself; references inside stay."""
        schema = self.of(type_, mode)
        reference = schema.get("$ref")
        return dict(self.definitions[reference.rsplit("/", 1)[-1]]) if isinstance(reference, str) else schema


def _readable_names(definitions: Mapping[str, Schema]) -> dict[str, str]:
    names: dict[str, str] = {}
    for name in sorted(definitions):
        long, short = _LONG.match(name), _SHORT.match(name)
        if _GENERIC.match(name):
            readable = str(definitions[name]["title"])
        elif long:
            readable = to_pascal(long[1]) + long[2] + ("Input" if long[3] == "Input" else "")
        elif short:
            readable = short[1] + ("Input" if short[2] == "Input" else "")
        else:
            readable = name
        while readable in names.values():
            readable += "_"
        names[name] = readable
    return names


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _reference(inner, names) if key == "$ref" else _renamed(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(inner, names) for inner in value]
    return value


def _reference(reference: str, names: Mapping[str, str]) -> str:
    head, _, name = reference.rpartition("/")
    return f"{head}/{names.get(name, name)}"
