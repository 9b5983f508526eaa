"""The search index of closed log lines: one Bloom filter for each block of lines of an application.

A block is a run of an application's lines in the order of their positions. Its filter holds the 4-grams of the lines, as
PostgreSQL compares them (in lower case), and the fields of lines that are JSON objects. A search reads the lines of those
blocks whose filter has all of what it looks for. The filter only excludes blocks that cannot match; the lines decide.
A filter without bits excludes nothing: where Python and PostgreSQL might read a line differently, the block gets none.

Text is indexed from four characters on. Characters with upper and lower case beyond ASCII are not: their lower case depends
on the database's locale.
"""

import re
import sys
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import orjson

from functions.monitor.domain.search import Condition, Terms

BITS_PER_ENTRY = 4
"""At least: at most 22 % of the bits are set. A term of seven characters has four 4-grams: at most one block in 400 is read in vain."""
MIN_BITS, MAX_BITS = 1 << 9, 1 << 20
FIELD_HASHES = 4
MAX_DEPTH, MAX_FIELDS = 12, 200
MAX_PROBES_PER_TERM = 8
MAX_PROBES = 64
GRAM = 4
"""Bytes of UTF-8."""
NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
INDEX_LIKE = re.compile(r"-?\d+", re.ASCII)
CANONICAL_INDEX = re.compile(r"0|[1-9]\d*", re.ASCII)
LOWER_TO_ASCII = re.compile("[\u0130\u0131\u212a]")
"""Characters beyond ASCII whose lower case may be, or may be that of, an ASCII letter: İ, ı and the Kelvin sign."""
_MASK = 0xFFFFFFFF
_MULTIPLIER = 2654435761


class _Opaque(Exception):
    """A line whose fields Python may read differently than PostgreSQL."""


def block_filter(lines: Iterable[str]) -> bytes:
    """Return the Bloom filter of these lines: a power of two of bytes; none if it could exclude a line that matches."""
    distinct = set(lines)
    text = "\n".join(distinct)
    if LOWER_TO_ASCII.search(text):
        return b""
    grams = _grams(text)
    fields: set[str] = set()
    try:
        for line in distinct:
            if line.startswith("{"):
                _add_fields(line, fields)
    except _Opaque:
        return b""
    entries = len(grams) + FIELD_HASHES * len(fields)
    size = MIN_BITS
    while size < entries * BITS_PER_ENTRY and size < MAX_BITS:
        size <<= 1
    digits, mask = bytearray(b"0") * size, size - 1
    for gram in grams:
        hash = gram * _MULTIPLIER & _MASK
        digits[(hash ^ hash >> 15) & mask] = 49  # the digit 1
    for field in fields:
        for hash in _field_hashes(field):
            digits[hash & mask] = 49
    digits.reverse()
    return int(digits, 2).to_bytes(size // 8, "little")


def probes(terms: Terms, conditions: Sequence[Condition]) -> list[int]:
    """Return hashes that the filter of every block with a matching line contains. Bit `hash % size` of the filter is set."""
    hashes: dict[int, None] = {}
    for condition in conditions:
        if condition.same and _is_indexed(condition):
            hashes.update(dict.fromkeys(_field_hashes(_field(condition.path, condition.text))))
    for term in sorted(terms.required, key=len, reverse=True):
        grams = [gram for run in _stable_runs(term) for gram in _grams(run)]
        step = max(1, len(grams) // MAX_PROBES_PER_TERM)
        hashes.update(dict.fromkeys(_gram_hash(gram) for gram in grams[::step][:MAX_PROBES_PER_TERM]))
    return list(hashes)[:MAX_PROBES]


def _grams(text: str) -> set[int]:
    data = text.encode("utf-8", "surrogatepass").lower()  # of bytes: ASCII only
    view, grams = memoryview(data), set[int]()
    for start in range(min(GRAM, len(data))):
        words = view[start : start + (len(data) - start) // GRAM * GRAM].cast("I")
        grams.update(words if sys.byteorder == "little" else (int.from_bytes(word.to_bytes(GRAM, "big"), "little") for word in words))
    return grams


def _gram_hash(gram: int) -> int:
    hash = gram * _MULTIPLIER & _MASK
    return hash ^ hash >> 15


def _stable_runs(term: str) -> list[str]:
    """The parts of a term that are the same bytes in any line that contains it, apart from the case of ASCII letters."""
    return "".join(each if _is_stable(each) else "\x00" for each in term).split("\x00")


def _is_stable(character: str) -> bool:
    if character < " " or LOWER_TO_ASCII.match(character):
        return False
    return character.isascii() or character.lower() == character == character.upper()


def _add_fields(line: str, fields: set[str]) -> None:
    """Raises _Opaque."""
    try:
        document = orjson.loads(line)
    except ValueError:
        if line.rstrip().endswith("}"):  # PostgreSQL may read it: numbers and nesting beyond orjson's limits
            raise _Opaque from None
        return
    left: list[tuple[tuple[str, ...], Any]] = [((), document)] if isinstance(document, dict) else []
    found = 0
    while left:
        path, value = left.pop()
        found += 1
        if found > MAX_FIELDS + 1 or len(path) > MAX_DEPTH:
            raise _Opaque
        if isinstance(value, dict):
            left.extend(((*path, name), inner) for name, inner in value.items())
        elif isinstance(value, list):
            left.extend(((*path, str(number)), inner) for number, inner in enumerate(value))
        elif value is not None:
            fields.add(_field(path, _scalar(value)))


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(float(value))


def _field(path: Sequence[str], text: str) -> str:
    """Numbers by their value: PostgreSQL keeps the digits of a number as they were written, orjson does not."""
    if NUMBER.fullmatch(text):
        text = repr(float(text) + 0.0)  # without the sign of a zero
    return "\x00".join((*path, text))


def _field_hashes(field: str) -> tuple[int, ...]:
    digest = blake2b(field.encode("utf-8", "surrogatepass"), digest_size=4 * FIELD_HASHES).digest()
    return tuple(int.from_bytes(digest[start : start + 4], "little") for start in range(0, len(digest), 4))


def _is_indexed(condition: Condition) -> bool:
    """Whether the filter contains the field of each line that matches: a scalar, at a path that is written in one way.

    PostgreSQL takes -1 for the last item of an array and 01 for the second.
    """
    ambiguous = any(INDEX_LIKE.fullmatch(name) and not CANONICAL_INDEX.fullmatch(name) for name in condition.path)
    return not ambiguous and len(condition.path) <= MAX_DEPTH and not condition.text.startswith(("{", "["))
