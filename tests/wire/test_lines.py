"""Texts for people stay one visible line wherever they are shown."""

import pytest

from functions.kernel import is_line


@pytest.mark.parametrize("text", ["Ada Lovelace", "Łódź", "漢字", "می‌خواهم", "🏳️‍🌈", "<b>", "=1+1", ""])
def test_names_of_people_and_things_are_lines(text: str) -> None:
    assert is_line(text)


@pytest.mark.parametrize(
    "text",
    ["a\nb", "a\x07", "a\x00", "a\x85b", "a\u2028b", "a\u202eb", "\u200b", "a\u200db", "\u200cا", "ا\u200c", "\ufeffa", "a\u00adb", "a\ud800"],
)
def test_what_breaks_or_disguises_a_line_is_none(text: str) -> None:
    assert not is_line(text)
