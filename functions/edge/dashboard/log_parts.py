"""The parts of a log line that is a JSON object: level, message, and fields that can become conditions of the filter."""

import re
from dataclasses import dataclass

import orjson

LEVELS = ("level", "severity", "levelname", "lvl")
MESSAGES = ("message", "msg", "event")
MAX_FIELDS = 12
MAX_VALUE_LENGTH = 200
NAME = re.compile(r"[\w@:/-]+")
"""A name that a condition of the filter can have, and no dot, which separates names."""
MAX_NAME_LENGTH = 100
NOT_IN_A_VALUE = frozenset(',="\\ ')
Path = tuple[str, ...]
"""Names of nested objects, and the name of a value in the innermost."""
WARNINGS, ERRORS = ("warn", "warning"), ("error", "err", "fatal", "critical", "panic")


@dataclass(frozen=True, slots=True)
class Field:
    """`condition`: `name=value`, as the filter reads it; empty if the filter cannot name the value."""

    name: str
    value: str
    condition: str


@dataclass(frozen=True, slots=True)
class LogParts:
    """`tone`: the class of the level: error, warn or empty."""

    level: str
    tone: str
    message: str
    fields: tuple[Field, ...]


def log_parts(line: str) -> LogParts | None:
    """Return the parts of a line; None if it is no JSON object, an empty one, or one that is nested too deeply."""
    if not line.startswith("{"):
        return None
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict) or not document:
        return None
    try:
        plain = _flatten(document)
    except orjson.JSONEncodeError:  # nested more deeply than orjson writes (254 levels), though not than it reads
        return None
    level = next((plain.pop((name,)) for name in LEVELS if (name,) in plain), "")
    message = next((plain.pop((name,)) for name in MESSAGES if (name,) in plain), "")
    fields = [Field(".".join(path), value[:MAX_VALUE_LENGTH], _condition(path, value)) for path, value in plain.items()]
    return LogParts(level, _tone(level), message, tuple(fields[:MAX_FIELDS]))


def _flatten(document: dict[str, object], outer: Path = ()) -> dict[Path, str]:
    """The values as text, those of the objects of two levels by themselves. Raises JSONEncodeError."""
    flat: dict[Path, str] = {}
    for name, value in document.items():
        path = (*outer, name)
        if isinstance(value, dict) and value and len(outer) < 2:
            flat.update(_flatten(value, path))
        else:
            flat[path] = value if isinstance(value, str) else orjson.dumps(value).decode()
    return flat


def _condition(path: Path, value: str) -> str:
    name = ".".join(path)
    has_name = len(name) <= MAX_NAME_LENGTH and all(NAME.fullmatch(each) for each in path)
    has_value = value not in ("", "null") and not NOT_IN_A_VALUE & set(value) and value == value.strip() and len(value) <= MAX_VALUE_LENGTH
    return f"{name}={value}" if has_name and has_value else ""


def _tone(level: str) -> str:
    lowered = level.lower()
    return "error" if lowered in ERRORS else "warn" if lowered in WARNINGS else ""
