"""Search in log lines: terms that occur or do not occur, and fields of JSON lines.

timeout upstream        both occur, in upper or lower case
"connection reset"      the phrase occurs
timeout -healthz        the one occurs, the other does not

level=error,http.status=503     fields of a JSON line, nested ones with a dot; `!=` for anything else
"""

import re
from dataclasses import dataclass
from typing import Any, Self

import orjson

from functions.monitor.domain.rejections import BadSearch

TERM = re.compile(r'(-?)(?:"([^"]*)"|(\S+))')
CONDITION = re.compile(r"([\w.@:/-]{1,100})(!?=)(.*)", re.DOTALL)
INDEX = re.compile(r"[0-9]{1,9}")
"""Of an item of a JSON array."""
MAX_TERMS = 20


@dataclass(frozen=True, slots=True)
class Terms:
    """As written: case is ignored where lines are compared, by the same rules for both sides (sigma has two lower cases)."""

    required: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str) -> Self:
        required: list[str] = []
        excluded: list[str] = []
        for sign, phrase, word in TERM.findall(text):
            term = phrase or word
            if term:
                (excluded if sign and term != sign else required).append(term)
        if len(required) + len(excluded) > MAX_TERMS:
            raise BadSearch(f"more than {MAX_TERMS} terms")
        return cls(tuple(required), tuple(excluded))

    def match(self, line: str) -> bool:
        lower = line.lower()
        return all(term.lower() in lower for term in self.required) and not any(term.lower() in lower for term in self.excluded)


NONE = Terms()


@dataclass(frozen=True, slots=True)
class Condition:
    """A field of a JSON line: its path, and the value that it has or must not have."""

    path: tuple[str, ...]
    text: str
    same: bool = True

    def match(self, line: str) -> bool:
        try:
            document = orjson.loads(line)
        except ValueError:
            return False
        return isinstance(document, dict) and (_text(document, self.path) == self.text) is self.same


def conditions(text: str) -> tuple[Condition, ...]:
    """Raises BadSearch."""
    parsed = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = CONDITION.fullmatch(part)
        if match is None:
            raise BadSearch(f"{part!r} is not a condition such as level=error or http.status!=200")
        parsed.append(Condition(tuple(match[1].split(".")), match[3].strip().strip('"'), match[2] == "="))
    if len(parsed) > MAX_TERMS:
        raise BadSearch(f"more than {MAX_TERMS} conditions")
    return tuple(parsed)


def _text(value: Any, path: tuple[str, ...]) -> str | None:
    """The value as PostgreSQL's operator #>> returns it."""
    for name in path:
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and INDEX.fullmatch(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    if value is None or isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # nested more deeply than orjson writes (254 levels), though not than it reads
        return None
