"""Text files in the encodings and line endings of git's users."""

import pytest

from knative.builder.text import decode_text, printable

LINE = "web: gunicorn café:app\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "windows-1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_encoding_gives_the_same_text(encoding: str, line_end: str) -> None:
    assert decode_text((LINE * 2).replace("\n", line_end).encode(encoding)) == LINE * 2


@pytest.mark.parametrize("content", [b"", b"\xff", b"\xff\xfe", b"\x00", b"\x81\x8d", bytes(range(256)), b"a\xff\x00"])
def test_no_content_fails(content: bytes) -> None:
    assert isinstance(decode_text(content), str)


def test_names_of_files_are_printable() -> None:
    assert printable("a\nb\x1b[31m\udce9ü") == "a\\nb\\x1b[31m\\xe9ü"
