"""Variables from the command line and from `.env` files, which are read by python-dotenv."""

import re
import sys
from collections.abc import Iterable
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

from cli.failures import UsageError

STANDARD_INPUT = Path("-")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def parse_arguments(words: Iterable[str]) -> dict[str, str]:
    """Return the values of NAME=VALUE words. A value is taken as it is: the shell has removed the quotes already.

    Raises:
        UsageError: a word is not NAME=VALUE.
    """
    values = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not VARIABLE_NAME.fullmatch(name):
            raise UsageError(f'"{word}" is not NAME=VALUE', hint="Names have letters, digits and underscores: DATABASE_URL=postgres://…")
        values[name] = value
    return values


def read_file(path: Path) -> dict[str, str]:
    """Return the values of a `.env` file, or of STANDARD_INPUT.

    Quotes, comments, `export` and values of several lines are read as python-dotenv reads them. References such as `${NAME}` stay as they are.

    Raises:
        UsageError: the file is not text, or a line is not NAME=VALUE. python-dotenv would leave the line out.
    """
    try:
        content = sys.stdin.buffer.read() if path == STANDARD_INPUT else path.read_bytes()
        text = TextIOWrapper(BytesIO(content), encoding="utf-8-sig").read()
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text", f"byte {error.start + 1}") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read", error.strerror or "") from error
    return parse_file(text, "standard input" if path == STANDARD_INPUT else str(path))


def parse_file(text: str, name: str) -> dict[str, str]:
    """Return the values of the content of a `.env` file. Raises UsageError."""
    from dotenv.parser import parse_stream  # slow to import and needed only here

    values: dict[str, str] = {}
    for binding in parse_stream(StringIO(text)):
        leading = binding.original.string[: len(binding.original.string) - len(binding.original.string.lstrip())]
        where = f"{name}, line {binding.original.line + len(leading.splitlines())}"
        if binding.error:
            raise UsageError(f"{where}: {binding.original.string.strip()[:60]!r} is not NAME=VALUE", "check its quotes")
        if binding.key is None:
            continue
        if not VARIABLE_NAME.fullmatch(binding.key):
            raise UsageError(f'{where}: the name "{binding.key}" is not valid', hint="Names have letters, digits and underscores.")
        if binding.value is None:
            raise UsageError(f"{where}: {binding.key} has no value", hint=f"An empty value: {binding.key}=")
        values[binding.key] = binding.value
    return values
