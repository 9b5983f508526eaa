"""The parts of a log line that is a JSON object: level, message, and fields that can become conditions of the filter."""

from dataclasses import dataclass

import orjson

LEVELS = ("level", "severity", "levelname", "lvl")
MESSAGES = ("message", "msg", "event")
MAX_FIELDS = 12
MAX_VALUE_LENGTH = 200
NOT_IN_A_CONDITION = frozenset(',="\\ ')
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
    """Return the parts of a line; None if it is no JSON object with a message, a level or another plain field."""
    if not line.startswith("{"):
        return None
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict) or not document:
        return None
    plain = _flatten(document)
    level = next((plain.pop(name) for name in LEVELS if name in plain), "")
    message = next((plain.pop(name) for name in MESSAGES if name in plain), "")
    fields = [Field(name, value[:MAX_VALUE_LENGTH], _condition(name, value)) for name, value in plain.items()]
    return LogParts(level, _tone(level), message, tuple(fields[:MAX_FIELDS]))


def _flatten(document: dict[str, object], prefix: str = "", depth: int = 0) -> dict[str, str]:
    """The values as text, those of nested objects under `outer.inner`."""
    flat: dict[str, str] = {}
    for name, value in document.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and value and depth < 2:
            flat.update(_flatten(value, f"{key}.", depth + 1))
        else:
            flat[key] = value if isinstance(value, str) else orjson.dumps(value).decode()
    return flat


def _condition(name: str, value: str) -> str:
    is_plain = value not in ("", "null") and not NOT_IN_A_CONDITION & (set(name) | set(value)) and len(value) <= MAX_VALUE_LENGTH
    return f"{name}={value}" if is_plain else ""


def _tone(level: str) -> str:
    lowered = level.lower()
    return "error" if lowered in ERRORS else "warn" if lowered in WARNINGS else ""
