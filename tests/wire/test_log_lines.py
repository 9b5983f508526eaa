"""Lines of output in odd shapes: split alike however the output is cut into reads."""

import random

import pytest

from functions.wire.log_lines import MAX_LINE_BYTES, LineSplitter, bounded_line, decode_prefix

LIMIT = 16


def split(output: bytes, sizes: list[int] | None = None, limit: int = MAX_LINE_BYTES) -> list[str]:
    splitter, lines = LineSplitter(limit), []
    for size in sizes or [len(output) or 1]:
        lines += splitter.feed(output[:size])
        output = output[size:]
    return lines + splitter.feed(output) + splitter.end()


CASES: dict[bytes, list[str]] = {
    b"": [],
    b"a\nb\n": ["a", "b"],
    b"a\r\nb": ["a", "b"],
    b"\n\n": ["", ""],
    b"no end": ["no end"],
    b"10%\r50%\r100%\n": ["100%"],
    b"10%\r50%\r100%\r\ndone\n": ["100%", "done"],
    b"10%\r50%": ["50%"],
    b"50%\r\x1b[K\n": ["50%"],
    b"\rstart\n": ["start"],
    b"a\r\r\nb": ["a", "b"],
    b"a\x00b\n": ["a\x00b"],
    "naïve – 漢字 🚀\n".encode(): ["naïve – 漢字 🚀"],
    b"caf\xe9 \xff\n": ["caf\ufffd \ufffd"],
    b"\x1b[31mred\x1b[0m\n": ["\x1b[31mred\x1b[0m"],
}


@pytest.mark.parametrize("output", CASES, ids=range(len(CASES)))
def test_output_is_split_into_lines(output: bytes) -> None:
    assert split(output) == CASES[output]
    assert split(output, [1] * len(output)) == CASES[output], "byte by byte"


def test_reads_of_any_size_give_the_same_lines() -> None:
    chance = random.Random(7)
    output = b"".join(chance.choice([b"\r", b"\n", b"\r\n", "漢".encode(), b"x" * 20, b"50%", b"\xff", b" ", b"\x1b[K"]) for _ in range(3000))
    whole = split(output, limit=LIMIT)
    for _ in range(20):
        sizes = [chance.randrange(1, 40) for _ in range(400)]
        assert split(output, sizes, LIMIT) == whole


@pytest.mark.parametrize("pad", range(4))
def test_a_long_line_is_cut_between_characters_and_says_how_much(pad: int) -> None:
    line = "x" * pad + "漢" * 20
    (kept,) = split(line.encode() + b"\n", limit=LIMIT)
    text, _, mark = kept.partition(" … ")
    assert line.startswith(text) and 0 <= LIMIT - len(text.encode()) < 3
    assert mark == f"[cut: {len(line.encode()) - len(text.encode())} bytes]"


def test_a_line_is_whole_up_to_the_limit() -> None:
    assert split(b"x" * MAX_LINE_BYTES + b"\n") == ["x" * MAX_LINE_BYTES]
    assert split(b"x" * (MAX_LINE_BYTES + 1234)) == ["x" * MAX_LINE_BYTES + " … [cut: 1,234 bytes]"]


def test_binary_output_stays_within_the_limit() -> None:
    (kept,) = split(b"\xff" * 100, limit=LIMIT)
    assert kept.startswith("\ufffd" * 5 + " … [cut: ") and len(kept.partition(" …")[0].encode()) <= LIMIT


def test_a_line_is_cut_once() -> None:
    once = bounded_line("x" * (MAX_LINE_BYTES + 1))
    assert once.endswith(" … [cut: 1 bytes]") and bounded_line(once) == once
    assert bounded_line("\ud800") == "?"


def test_the_beginning_of_a_text_has_whole_characters() -> None:
    assert decode_prefix("a漢".encode()[:-1]) == "a" and decode_prefix("a漢".encode()) == "a漢"
