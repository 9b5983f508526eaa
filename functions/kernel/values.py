"""Bounded types for the input of commands and queries: what PostgreSQL and the arithmetic of dates can hold.

They keep out what no function can mean. The rules of a use case, which are narrower and name the fix, belong to its domain.
A test refuses inputs with numbers, texts and times of other types without bounds of their own.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import AfterValidator, AwareDatetime, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, SecretStr, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

MIN_INT32, MAX_INT32 = -(2**31), 2**31 - 1
MAX_INT64 = 2**63 - 1
MAX_TEXT_LENGTH = 65_536
"""Characters."""
MIN_TIMESTAMP, MAX_TIMESTAMP = datetime(1970, 1, 1, tzinfo=UTC), datetime(2999, 12, 31, tzinfo=UTC)
"""Far from the ends of `datetime`, so that a time zone or an interval can be added to each."""


def _check_timestamp(value: datetime) -> datetime:
    if not MIN_TIMESTAMP <= value <= MAX_TIMESTAMP:
        raise ValueError(f"{value.isoformat()} is out of range: use a time from {MIN_TIMESTAMP:%Y-%m-%d} to {MAX_TIMESTAMP:%Y-%m-%d}")
    return value


_DISGUISES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of Unicode: control and format characters, halves of a character, line and paragraph separators."""
_JOINERS = frozenset("\u200c\u200d")
"""Invisible, and part of the spelling of Persian and Indic words and of emoji."""


def is_line(text: str) -> bool:
    """Whether the text stays one line wherever it is shown (a terminal, a subject, a page, an invoice), and looks like what it is.

    Joiners count between characters of the scripts that need them only: elsewhere they make two equal-looking names.
    """
    if text.isascii():
        return text.isprintable()
    return not any(
        unicodedata.category(each) in _DISGUISES
        and not (each in _JOINERS and text[index - 1 : index] > "\x7f" and text[index + 1 : index + 2] > "\x7f")
        for index, each in enumerate(text)
    )


def _check_line(text: str) -> str:
    if not is_line(text):
        raise ValueError("has control characters, invisible characters or line breaks: use one line of visible text")
    return text


ONE_LINE = AfterValidator(_check_line)
"""A text for people, such as a name or a reason: `Annotated[str, Field(max_length=64), ONE_LINE]`, after the bounds of its length."""


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a text: a regular expression for machines, and in words what is right. Errors have the words.

    `Annotated[str, Form("^[0-9a-f]{64}$", "64 hexadecimal digits")]`. `pattern` is a regular expression of JSON Schema and of Python, and matches the
    whole text. A test refuses `Field(pattern=…)`, which would show people the expression.
    """

    pattern: str
    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": self.pattern}

    def _check(self, value: str) -> str:
        if not re.fullmatch(self.pattern.removeprefix("^").removesuffix("$"), value):
            raise ValueError(f"must be {self.words}")
        return value


LATER_THAN: Final = "x-later-than"
"""The member of a schema that names the field of the earlier time."""


@dataclass(frozen=True, slots=True)
class LaterThan:
    """The end of a time range. Its begin is another field, declared before: `Annotated[Timestamp | None, LaterThan("from_")]`.

    An empty range has no answer that says so: an empty list would look as if there was nothing. Each of the two may be missing.
    """

    begin: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), LATER_THAN: self.begin.rstrip("_")}

    def _check(self, value: datetime | None, info: ValidationInfo) -> datetime | None:
        begin = info.data.get(self.begin)
        if value is not None and begin is not None and value <= begin:
            raise ValueError(f"must be later than `{self.begin.rstrip('_')}`, which is {begin.isoformat()}")
        return value


Int32 = Annotated[int, Field(ge=MIN_INT32, le=MAX_INT32)]
"""`integer` of PostgreSQL."""
PositiveInt64 = Annotated[int, Field(gt=0, le=MAX_INT64)]
"""`bigint` of PostgreSQL: amounts of money."""
Number = Annotated[float, Field(ge=-1e15, le=1e15, allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=MAX_TEXT_LENGTH)]
SecretText = Annotated[SecretStr, Field(max_length=MAX_TEXT_LENGTH)]
Timestamp = Annotated[
    AwareDatetime,
    AfterValidator(_check_timestamp),
    Field(json_schema_extra={"x-minimum": MIN_TIMESTAMP.isoformat(), "x-maximum": MAX_TIMESTAMP.isoformat()}),
]
"""A point in time with a time zone."""
Position = Annotated[str, Form("^[0-9]{1,18}$", "the `cursor` of a former response, or 0 for all from the first on")]
"""Where a reader of a stream goes on."""


def without_bounds(annotation: Any) -> Any:
    """Return a type without the `Annotated` inside it: `SecretText | None` is `SecretStr | None`."""
    if get_origin(annotation) is Annotated:
        return without_bounds(get_args(annotation)[0])
    arguments = tuple(without_bounds(each) for each in get_args(annotation))
    if get_origin(annotation) in (UnionType, Union):
        return Union[arguments]  # noqa: UP007  of a tuple
    return get_origin(annotation)[arguments] if get_origin(annotation) is dict else annotation
