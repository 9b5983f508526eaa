"""JSON Schemas of the models, with names that people can read.

pydantic names two models of one name by their whole module path; here the second word is the context's: `AuthHealth`, `BillingHealth`.
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
_SHORT = re.compile(r"^([A-Za-z0-9_]+?)-(Input|Output)(?:__\d+)?$")


class Shapes:
    """The schemas of some types, which share their definitions."""

    def __init__(self, wanted: Iterable[tuple[Any, Mode]]) -> None:
        keyed = {(repr(type_), mode): (type_, mode) for type_, mode in wanted}
        inputs = [(key, mode, TypeAdapter(type_)) for key, (type_, mode) in keyed.items()]
        schemas, rest = TypeAdapter.json_schemas(inputs, by_alias=True, ref_template=REF)
        definitions: Mapping[str, Schema] = rest.get("$defs", {})
        names = _readable(definitions)
        self.definitions: dict[str, Schema] = {names[name]: _renamed(definitions[name], names) for name in sorted(definitions, key=names.__getitem__)}
        self._schemas = {key: _renamed(schema, names) for (key, _), schema in schemas.items()}

    def of(self, type_: Any, mode: Mode) -> Schema:
        """A reference, for a model; the schema itself for what has no name."""
        return dict(self._schemas[(repr(type_), mode)])

    def resolved(self, type_: Any, mode: Mode) -> Schema:
        """The schema itself, its inner references kept."""
        schema = self.of(type_, mode)
        reference = schema.get("$ref")
        return dict(self.definitions[reference.rsplit("/", 1)[-1]]) if isinstance(reference, str) else schema


def _readable(definitions: Mapping[str, Schema]) -> dict[str, str]:
    names: dict[str, str] = {}
    for name in sorted(definitions):
        long, short = _LONG.match(name), _SHORT.match(name)
        if long:
            wanted = to_pascal(long[1]) + long[2] + ("Given" if long[3] == "Input" else "")
        elif short:
            wanted = short[1] + ("Given" if short[2] == "Input" else "")
        else:
            wanted = name
        while wanted in names.values():
            wanted += "_"
        names[name] = wanted
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
