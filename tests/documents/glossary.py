"""Refuses the retired identifiers of docs/glossary.md: `python -m tests.documents.glossary`, a part of `./taskw check`.

Names are found where they are introduced: modules, classes, functions, parameters, assigned variables and attributes in Python; words of SQL
migrations outside comments, strings and `RENAME … TO`; keys of JSON and YAML; commands and options of the CLI. Prose is not matched.
"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from knative.machine.home import PROJECT

GLOSSARY = PROJECT / "docs/glossary.md"
HEADING = "## Retired identifiers"
FOLDERS = ("cli", "events", "functions", "knative", "schemas", "sql", "tests")
RELEASED = {"auth": 7, "billing": 9, "deploy": 5, "monitor": 6, "shared": 0}
"""Migrations of 0.1.0 by number: they do not change any more, later ones rename what they called otherwise."""
SQL_IGNORED = re.compile(
    r"--[^\n]*|'(?:[^']|'')*'|RENAME\s+(?:COLUMN\s+|CONSTRAINT\s+)?\w+\s+TO|DROP\s+(?:INDEX|CONSTRAINT|TABLE|COLUMN)\s+\w+", re.IGNORECASE
)


@dataclass(frozen=True)
class Retired:
    """One line of the table. `scope`: path prefixes; empty means every folder."""

    patterns: tuple[str, ...]
    instead: str
    scope: tuple[str, ...]

    def covers(self, path: str) -> bool:
        return not self.scope or path.startswith(tuple(f"{prefix.rstrip('/')}/" for prefix in self.scope))

    def match(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.patterns)


@dataclass(frozen=True)
class Fault:
    path: str
    line_number: int
    name: str
    instead: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line_number}: {self.name} is retired: {self.instead} (docs/glossary.md)"


def retired(text: str) -> list[Retired]:
    """The table below the heading. Raises ValueError if there is none."""
    _, found, table = text.partition(HEADING)
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| `")]
    if not found or not rows:
        raise ValueError(f"docs/glossary.md has no table below {HEADING!r}")
    return [
        Retired(tuple(re.findall(r"`([^`]+)`", names)), instead.strip(), () if scope.strip() == "all" else tuple(scope.replace(",", " ").split()))
        for names, instead, scope in rows
    ]


def faults(path: str, text: str, table: list[Retired]) -> Iterator[Fault]:
    rows = [row for row in table if row.covers(path)]
    for line, name in names(path, text):
        for row in rows:
            if row.match(name):
                yield Fault(path, line, name, row.instead)


def names(path: str, text: str) -> Iterator[tuple[int, str]]:
    """(line, name) of every name that the file introduces."""
    match Path(path).suffix:
        case ".py":
            yield 1, Path(path).stem
            yield from _python(ast.parse(text), cli=path.startswith("cli/"))
        case ".sql":
            if _is_checked(Path(path)):
                yield from _words(SQL_IGNORED.sub(lambda ignored: "\n" * ignored[0].count("\n"), text))
        case ".json":
            yield from ((1, _snake(key)) for key in _keys(json.loads(text)))
        case ".yaml" | ".yml":
            for number, line in enumerate(text.splitlines(), 1):
                if key := re.match(r"\s*(?:- )?([A-Za-z_][\w-]*):(?:\s|$)", line):
                    yield number, _snake(key[1])


def _python(tree: ast.AST, cli: bool) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ExceptHandler(name=str(name)):
                yield node.lineno, name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.alias(asname=str(name)):
                yield node.lineno, name
            case ast.Call(args=arguments) if cli:
                for argument in arguments:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and re.fullmatch(r"(--)?[a-z][a-z-]+", argument.value):
                        yield node.lineno, _snake(argument.value.removeprefix("--"))


def _is_checked(path: Path) -> bool:
    number = re.match(r"V(\d+)", path.name)
    return number is not None and int(number[1]) > RELEASED.get(path.parent.name, 0)


def _words(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        yield from ((number, word) for word in re.findall(r"[A-Za-z_]\w*", line))


def _keys(document: object) -> Iterator[str]:
    if isinstance(document, dict):
        for key, value in document.items():
            yield key
            yield from _keys(value)
    elif isinstance(document, list):
        for each in document:
            yield from _keys(each)


def _snake(name: str) -> str:
    """`lookAt` and `look-at` are `reminder_at`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower() if not name[:1].isupper() else name


def check(root: Path = PROJECT) -> list[Fault]:
    table = retired((root / "docs/glossary.md").read_text())
    tracked = subprocess.run(["git", "ls-files", "-z", *FOLDERS], cwd=root, check=True, capture_output=True, text=True).stdout
    paths = [
        name for name in tracked.split("\0") if name.endswith((".py", ".sql", ".json", ".yaml")) and not name.startswith("tests/generated/asyncapi")
    ]
    return [fault for path in paths if (root / path).is_file() for fault in faults(path, (root / path).read_text(), table)]


def main() -> int:
    found = check()
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
