"""The filter of a block of log lines never excludes a line that matches, and excludes nearly all blocks that have none."""

import json
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from functions.monitor.domain.log_index import block_filter, probes
from functions.monitor.domain.search import Condition, Terms, conditions

SCALARS = st.one_of(st.text(max_size=8), st.integers(), st.floats(allow_nan=False), st.booleans(), st.none())
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "1"]), inner, max_size=3), max_leaves=6
)
DOCUMENTS = st.dictionaries(st.sampled_from(["a", "b", "level"]), VALUES, max_size=3)
PATHS = st.lists(st.sampled_from(["a", "b", "level", "0", "1"]), min_size=1, max_size=3).map(tuple)


def contains(filter: bytes, hashes: list[int]) -> bool:
    """As `filter_contains` in the database."""
    size = len(filter) * 8
    return not filter or all(filter[(hash % size) >> 3] >> (hash & 7) & 1 for hash in hashes)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=5), st.integers(0, 40), st.integers(1, 40), st.booleans())
def test_every_part_of_a_line_is_found(lines: list[str], start: int, length: int, is_upper: bool) -> None:
    part = lines[0][start : start + length]
    terms = Terms((part.upper() if is_upper and part.isascii() else part,))
    assert not terms.match(lines[0]) or contains(block_filter(lines), probes(terms, ()))


@given(DOCUMENTS, PATHS, st.one_of(SCALARS.map(str), st.sampled_from(["true", "1", "1.0", "1e0", "-0"])))
def test_every_field_is_found(document: dict[str, object], path: tuple[str, ...], text: str) -> None:
    line = json.dumps(document)
    for condition in (Condition(path, text), *fields_of(document)):
        assert not condition.match(line) or contains(block_filter([line]), probes(Terms(), [condition])), condition


def fields_of(value: object, path: tuple[str, ...] = ()) -> list[Condition]:
    if isinstance(value, dict):
        return [found for name, inner in value.items() for found in fields_of(inner, (*path, name))]
    if isinstance(value, list):
        return [found for number, inner in enumerate(value) for found in fields_of(inner, (*path, str(number)))]
    return [Condition(path, value if isinstance(value, str) else json.dumps(value))]


def test_numbers_are_found_as_they_were_written() -> None:
    """PostgreSQL keeps 7.10 and 1E400 as they are; a field of a string may look like a number."""
    for written, searched in (
        ("7.10", "7.10"),
        ("503", "503"),
        ('"503"', "503"),
        ("1e3", "1000"),
        ("123456789012345678901234567890.5",) * 2,
        ("-0.0", "0.0"),
    ):
        assert contains(block_filter([f'{{"n": {written}}}']), probes(Terms(), conditions(f"n={searched}"))), written


def test_what_python_might_read_otherwise_has_no_filter() -> None:
    odd = ('{"n": 1e999999999}', '{"a":' * 2000 + "1" + "}" * 2000, "the İ", "300 \u212a", json.dumps({"a": {str(n): n for n in range(300)}}))
    assert [block_filter(["plain", each]) for each in odd] == [b""] * len(odd)


def test_ambiguous_paths_and_values_are_not_looked_up() -> None:
    """PostgreSQL reads -1 as the last item of an array; it writes objects with its own white space."""
    for condition in ("tags.-1=db", "tags.01=db", 'a={"b":1}', "a=[1]", "level!=error"):
        assert probes(Terms(), conditions(condition)) == []


def test_blocks_without_a_match_are_excluded() -> None:
    filters = [block_filter(f'{{"level":"info","trace":"{uuid4().hex}","msg":"request handled"}}' for _ in range(300)) for _ in range(100)]
    for hashes in (
        probes(Terms.read(uuid4().hex), ()),
        probes(Terms.read("no-such-text"), ()),
        probes(Terms(), conditions("level=error")),
        probes(Terms(), conditions(f"trace={uuid4().hex}")),
    ):
        assert sum(contains(filter, hashes) for filter in filters) <= 5
    assert all(contains(filter, probes(Terms.read("Handled"), conditions("level=info"))) for filter in filters)
