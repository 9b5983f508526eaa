"""`.env` files are read as python-dotenv reads them; what it would leave out is refused."""

from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values

from cli.env_files import parse_arguments, parse_file, read_file
from cli.failures import UsageError

FILE = """
# a comment
export COLOUR='blue # not a comment'
PLAIN = two words # a comment
DOUBLE="tab\\tquote\\" end"  # a comment
SINGLE='it\\'s \\n raw'
KEY="-----BEGIN KEY-----
line two
-----END KEY-----"
EMPTY=
HASH=a#b
REFERENCE=${COLOUR}/$HOME
COLOUR='blue, again'
"""


@pytest.mark.parametrize("text", [FILE, FILE.replace("\n", "\r\n"), "A=1", "A=ü\n\n\nB='multi\n\nline'\n", ""])
def test_values_are_those_of_python_dotenv(text: str) -> None:
    assert parse_file(text, ".env") == dict(dotenv_values(stream=StringIO(text), interpolate=False))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('A=1\nB="open', """.env, line 2: 'B="open' is not NAME=VALUE"""),
        ("A=1\n\nNAME", ".env, line 3: NAME has no value"),
        ("a.b=1", '.env, line 1: the name "a.b" is not valid'),
        ("'x'y=1", ".env, line 1"),
    ],
)
def test_a_line_that_python_dotenv_leaves_out_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_file(text, ".env")
    assert message in error.value.title


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"\xef\xbb\xbfA=1\n")
    assert read_file(path) == {"A": "1"}
    path.write_bytes(b"A=\xff\n")
    with pytest.raises(UsageError, match="is not UTF-8 text"):
        read_file(path)


def test_a_value_of_the_command_line_is_taken_as_it_is() -> None:
    assert parse_arguments(['JSON={"a": 1}', "QUOTED='x'", "EQUALS=a=b", "EMPTY="]) == {
        "JSON": '{"a": 1}',
        "QUOTED": "'x'",
        "EQUALS": "a=b",
        "EMPTY": "",
    }
    for word in ("NAME", "1A=x", "a b=c", "=x"):
        with pytest.raises(UsageError):
            parse_arguments([word])
