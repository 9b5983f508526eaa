"""Every number, text, time and list in the input of a command or query has bounds."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from functions.kernel import Declaration, Kind, LaterThan, Model, Position, Timestamp
from functions.kernel.values import LATER_THAN
from functions.runtime.config.registry import Registry
from functions.wire.problems import field_errors

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


def texts_with_patterns(schema: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Yield (place, pattern) of a core schema: what pydantic itself would show as a regular expression."""
    if isinstance(schema, Mapping):
        if schema.get("type") == "str" and "pattern" in schema:
            yield at, schema["pattern"]
        for name, inner in schema.items():
            yield from texts_with_patterns(inner, f"{at}/{name}")
    elif isinstance(schema, list | tuple):
        for index, inner in enumerate(schema):
            yield from texts_with_patterns(inner, f"{at}/{index}")


def ends_without_begin(model: type[BaseModel]) -> list[str]:
    """Return the later of two times of an input if it may be before the earlier: all times but the first need `LaterThan`."""
    fields = model.model_json_schema().get("properties", {})
    times = {name: field for name, field in fields.items() if '"date-time"' in json.dumps(field)}
    return [name for name, field in list(times.items())[1:] if LATER_THAN not in field]


def places(model: type[BaseModel]) -> list[str]:
    schema = model.model_json_schema()
    return list(unbounded(schema, schema.get("$defs", {})))


@pytest.mark.parametrize("declaration", INPUTS, ids=lambda declaration: declaration.name)
def test_every_value_of_an_input_is_bounded(declaration: Declaration) -> None:
    assert declaration.input is not None
    assert places(declaration.input) == []


@pytest.mark.parametrize("declaration", INPUTS, ids=lambda declaration: declaration.name)
def test_errors_say_in_words_which_form_a_text_has(declaration: Declaration) -> None:
    for model in inputs(declaration):
        assert list(texts_with_patterns(model.__pydantic_core_schema__)) == [], "use functions.kernel.Form, with words for people"


@pytest.mark.parametrize("declaration", INPUTS, ids=lambda declaration: declaration.name)
def test_a_time_range_ends_after_its_begin(declaration: Declaration) -> None:
    for model in inputs(declaration):
        assert ends_without_begin(model) == [], "use functions.kernel.LaterThan"


def inputs(declaration: Declaration) -> list[type[BaseModel]]:
    former = [each.request for each in declaration.former if each.request is not None]
    return [model for model in (declaration.input, *former) if model is not None]


class Open(Model):
    number: int
    ratio: float | None
    text: dict[str, str]
    at: Any = None
    names: list[str] = Field(max_length=3)
    pattern: str = Field(pattern="^[a-z]+$")


def test_an_open_value_is_found() -> None:
    assert [place.partition(":")[0] for place in places(Open)] == ["/number", "/ratio", "/text/*", "/names/*", "/pattern"]


class Between(Model):
    from_: Timestamp | None = Field(default=None, alias="from")
    to: Annotated[Timestamp | None, LaterThan("from_")] = None
    after: Position | None = None


def test_patterns_and_ends_without_begin_are_found() -> None:
    class Never(Between):
        until: Timestamp | None = None

    assert [pattern for _, pattern in texts_with_patterns(Open.__pydantic_core_schema__)] == ["^[a-z]+$"]
    assert ends_without_begin(Never) == ["until"] and ends_without_begin(Between) == []


@pytest.mark.parametrize("end", ["2026-05-01T10:00:00Z", "2026-05-01T12:00:00+02:00", "2026-05-01T09:59:59Z"])
def test_an_end_that_is_not_after_the_begin_is_refused_with_the_begin(end: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Between.model_validate({"from": "2026-05-01T10:00:00Z", "to": end})
    assert [(each.pointer, each.detail) for each in field_errors(caught.value)] == [
        ("/to", "must be later than `from`, which is 2026-05-01T10:00:00+00:00")
    ]


@pytest.mark.parametrize("times", [{}, {"from": "2026-05-01T10:00:00Z"}, {"to": "2026-05-01T10:00:00Z"}])
def test_either_end_of_a_range_may_be_missing(times: dict[str, str]) -> None:
    assert Between.model_validate(times).model_dump(mode="json", by_alias=True, exclude_none=True) == times


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "1" * 19, "1\n", "\u0663", ""])
def test_a_text_of_another_form_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Between(after=text)
    assert [each.detail for each in field_errors(caught.value)] == ["must be the `cursor` of a former response, or 0 for all from the first on"]


class When(Model):
    at: Timestamp


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31T23:59:59Z", "2026-01-01T00:00:00", "-1", "1e300"]
)
def test_a_time_at_the_ends_of_the_calendar_is_refused(at: str) -> None:
    with pytest.raises(ValidationError):
        When(at=at)  # type: ignore[arg-type]
