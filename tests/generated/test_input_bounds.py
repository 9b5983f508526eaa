"""Every number, text, time and list in the input of a command or query has bounds."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from functions.kernel import Declaration, Kind, Model, Timestamp
from functions.runtime.config.registry import Registry

INPUTS = [each for each in Registry.load().declarations if each.kind in (Kind.COMMAND, Kind.QUERY) and each.input is not None]
BOUNDED_FORMATS = frozenset({"uuid", "base64url"})
"""base64url: a raw body, which the gateway limits."""
MAX_PATTERN_LENGTH = 1000


def unbounded(schema: Mapping[str, Any], definitions: Mapping[str, Any], at: str = "", inside: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the places of a schema where a value may be of any size."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        if name not in inside:
            yield from unbounded(definitions[name], definitions, at, inside | {name})
        return
    for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from unbounded(choice, definitions, at, inside)
    if "enum" in schema or "const" in schema:
        return
    match schema.get("type"):
        case "integer" | "number":
            if not (schema.keys() & {"minimum", "exclusiveMinimum"} and schema.keys() & {"maximum", "exclusiveMaximum"}):
                yield f"{at}: use a type of functions.kernel.values, or ge= and le="
        case "string":
            if not is_bounded_text(schema):
                yield f"{at}: use a type of functions.kernel.values, or max_length="
        case "array":
            if "maxItems" not in schema:
                yield f"{at}: use max_length="
            yield from unbounded(schema.get("items", {}), definitions, f"{at}/*", inside)
        case "object":
            for name, inner in schema.get("properties", {}).items():
                yield from unbounded(inner, definitions, f"{at}/{name}", inside)
            if isinstance(inner := schema.get("additionalProperties"), Mapping):
                yield from unbounded(inner, definitions, f"{at}/*", inside)


def is_bounded_text(schema: Mapping[str, Any]) -> bool:
    if schema.get("format") == "date-time":
        return schema.keys() >= {"x-minimum", "x-maximum"}
    if schema.get("format") in BOUNDED_FORMATS or "maxLength" in schema:
        return True
    pattern = schema.get("pattern", "")
    return bool(pattern.startswith("^") and pattern.endswith("$") and re._parser.parse(pattern).getwidth()[1] <= MAX_PATTERN_LENGTH)  # type: ignore[attr-defined]


def places(model: type[BaseModel]) -> list[str]:
    schema = model.model_json_schema()
    return list(unbounded(schema, schema.get("$defs", {})))


@pytest.mark.parametrize("declaration", INPUTS, ids=lambda declaration: declaration.name)
def test_every_value_of_an_input_is_bounded(declaration: Declaration) -> None:
    assert declaration.input is not None
    assert places(declaration.input) == []


class Open(Model):
    number: int
    ratio: float | None
    text: dict[str, str]
    at: Any = None
    names: list[str] = Field(max_length=3)
    pattern: str = Field(pattern="^[a-z]+$")


def test_an_open_value_is_found() -> None:
    assert [place.partition(":")[0] for place in places(Open)] == ["/number", "/ratio", "/text/*", "/names/*", "/pattern"]


class When(Model):
    at: Timestamp


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31T23:59:59Z", "2026-01-01T00:00:00", "-1", "1e300"]
)
def test_a_time_at_the_ends_of_the_calendar_is_refused(at: str) -> None:
    with pytest.raises(ValidationError):
        When(at=at)  # type: ignore[arg-type]
