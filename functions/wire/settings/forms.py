"""What the text of a setting may be, and the value that it stands for. Each form completes the sentence "it must be …"."""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import urlsplit

T_co = TypeVar("T_co", covariant=True)

_WHOLE_NUMBER = re.compile(r"-?\d{1,18}", re.ASCII)
_DECIMAL = re.compile(r"\d{1,12}(\.\d{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Form(Generic[T_co]):
    """`parse`: raises ValueError; its text may say which part is wrong."""

    description: str
    parse: Callable[[str], T_co]


def text(description: str) -> Form[str]:
    """Any text."""
    return Form(description, str)


def matching(description: str, pattern: str) -> Form[str]:
    """Text that matches a regular expression as a whole."""
    compiled = re.compile(pattern, re.ASCII)
    return Form(description, lambda value: _require(value, compiled.fullmatch(value) is not None))


def one_of(*values: str) -> Form[str]:
    return Form(_alternatives(values), lambda value: _require(value, value in values))


def switch(on: str = "on", off: str = "off") -> Form[bool]:
    return Form(_alternatives((on, off)), lambda value: _require(value, value in (on, off)) == on)


def whole_number(low: int, high: int, unit: str = "") -> Form[int]:
    def parse(value: str) -> int:
        number = value.strip()
        return int(_require(number, _WHOLE_NUMBER.fullmatch(number) is not None and low <= int(number) <= high))

    return Form(f"a whole number from {low} to {high}{f' ({unit})' if unit else ''}", parse)


def number(description: str, is_allowed: Callable[[Fraction], bool]) -> Form[Fraction]:
    """A decimal number with a point."""

    def parse(value: str) -> Fraction:
        decimal = value.strip()
        return Fraction(_require(decimal, _DECIMAL.fullmatch(decimal) is not None and is_allowed(Fraction(decimal))))

    return Form(description, parse)


def url(*schemes: str, example: str) -> Form[str]:
    """A URL of one of the schemes, with a host."""

    def parse(value: str) -> str:
        parts = urlsplit(value)
        return _require(value, parts.scheme in schemes and bool(parts.hostname) and parts.port != 0)  # a port that is no number raises

    return Form(f"a URL with {_alternatives([f'{scheme}://' for scheme in schemes])}, as in {example}", parse)


def words(description: str) -> Form[tuple[str, ...]]:
    """Words separated by commas or spaces."""
    return Form(description, lambda value: tuple(value.replace(",", " ").split()))


def items(description: str, separator: str = ",") -> Form[tuple[str, ...]]:
    """Texts that may contain spaces; empty ones are left out."""
    return Form(description, lambda value: tuple(part.strip() for part in value.split(separator) if part.strip()))


def path(description: str = "a path") -> Form[Path]:
    return Form(description, Path)


def paths(description: str) -> Form[tuple[Path, ...]]:
    """Paths separated as in PATH."""
    return Form(description, lambda value: tuple(Path(each) for each in value.split(os.pathsep) if each))


def _require(value: str, is_allowed: bool) -> str:
    if not is_allowed:
        raise ValueError
    return value


def _alternatives(values: Iterable[str]) -> str:
    *first, last = values
    return f"{', '.join(first)} or {last}" if first else last
