"""Applies the blocks of docs/adding-a-function.md to a copy of the repository.

A fenced block says in its first line what to do with it: `create=PATH`, `append=PATH` (to the end of a file), `file=PATH after=LINE` (below the first
line that starts so), `run` (commands of the fast test) or `proof` (commands of `./taskw proof adding-a-function`). Blocks without one are only read.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from knative.machine import bytecode
from knative.machine.home import PROJECT

PAGE = PROJECT / "docs/adding-a-function.md"
BLOCK = re.compile(r"^```(?P<language>\w+) ?(?P<about>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    language: str
    about: str
    text: str


def blocks() -> Iterator[Block]:
    for match in BLOCK.finditer(PAGE.read_text()):
        yield Block(match["language"], match["about"], match["text"])


def copy_repository(target: Path) -> None:
    """The files that git knows or would add, without history."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=PROJECT, check=True, capture_output=True, text=True
    ).stdout
    for name in filter(None, names.split("\0")):
        if (PROJECT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, target / name)
    for folder in bytecode.FOLDERS:  # compiled for these very files: the copy's commands need not compile a thousand modules again
        for compiled in (PROJECT / folder).rglob("__pycache__"):
            if (target / compiled.relative_to(PROJECT)).parent.is_dir():
                shutil.copytree(compiled, target / compiled.relative_to(PROJECT))


def apply(target: Path) -> None:
    """Write every block to its file. Raises LookupError for a line that is not there."""
    for block in blocks():
        if block.about.startswith("create="):
            path = target / block.about.removeprefix("create=")
            assert not path.exists(), f"{path} exists already"
            path.write_text(block.text)
        elif block.about.startswith("append="):
            path = target / block.about.removeprefix("append=")
            path.write_text(f"{path.read_text().rstrip()}\n\n\n{block.text}")
        elif block.about.startswith("file="):
            name, _, line = block.about.removeprefix("file=").partition(" after=")
            path = target / name
            path.write_text(_inserted(path.read_text(), line, block.text))


def _inserted(text: str, line: str, added: str) -> str:
    lines = text.splitlines(keepends=True)
    for number, each in enumerate(lines):
        if each.startswith(line):
            return "".join([*lines[: number + 1], added, *lines[number + 1 :]])
    raise LookupError(f"no line starts with {line!r}")


def commands(kind: str) -> list[list[str]]:
    """The commands of the blocks `run` or `proof`, with the tools of this Python in place of `./taskw`."""
    lines = [line for block in blocks() if block.about == kind for line in block.text.splitlines()]
    return [command for line in lines for command in _without_task(line.removeprefix("./taskw ").split())]


def _without_task(words: list[str]) -> list[list[str]]:
    python = [sys.executable, "-m"]
    match words:
        case ["generate"]:
            return [[*python, "functions.describe"]]
        case ["check"]:
            return [
                [*python, "ruff", "check", "."],
                [*python, "ruff", "format", "--check", "."],
                [*python, "mypy"],
                [*python, "functions.describe", "--check"],
            ]
        case ["test", *arguments]:
            return [[*python, "pytest", "-q", "-p", "no:cacheprovider", *arguments]]
    raise ValueError(f"unknown task: {words}")
