"""The rows of the corpus, read from `rows/*.toml`."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROWS = Path(__file__).with_name("rows")
HOST = "https://github.com"
NAME = re.compile(r"(?P<repository>[A-Za-z0-9_-]+/[A-Za-z0-9._-]+)(?::(?P<directory>[^:]+))?")
COMMIT = re.compile(r"[0-9a-f]{40}")
PLANS = ("python", "node", "go", "ruby", "php", "java", "static", "procfile", "dockerfile")
PEERS = ("heroku", "railpack")
INDEXES = ("pypi", "python-builds", "npm", "go", "maven", "gradle", "rubygems", "packagist", "docker-hub", "internet")


class TableError(Exception):
    """A row that is not valid. The message names the row and the field."""


@dataclass(frozen=True, slots=True)
class Row:
    """A repository, or a folder of one, at a commit, and what becomes of it."""

    repository: str
    """`owner/name` on GitHub."""
    commit: str
    plan: str = ""
    """The kind of plan; empty if the repository is refused before there is one."""
    directory: str = ""
    """The application's folder; empty: the root."""
    text: str = ""
    """Occurs in the opened page, so that a page of something else is no success."""
    path: str = "/"
    """What is opened below the application's URL."""
    status: int = 200
    refused: str = ""
    """Not empty: the deployment fails, and its message contains this text."""
    runs_on: tuple[str, ...] = ()
    """Other platforms that run it unchanged."""
    needs: tuple[str, ...] = ()
    """Package indexes of the build."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Settings that the repository's own instructions require."""

    @property
    def name(self) -> str:
        return f"{self.repository}:{self.directory}" if self.directory else self.repository

    @property
    def url(self) -> str:
        return f"{HOST}/{self.repository}.git"

    @property
    def expected(self) -> str:
        return f"refused: {self.refused}" if self.refused else "answers"


def load(folder: Path = ROWS) -> list[Row]:
    """All rows, in the order of the files and of their tables. Raises: TableError."""
    rows = [parse(name, fields) for path in sorted(folder.glob("*.toml")) for name, fields in tomllib.loads(path.read_text()).items()]
    names = [row.name for row in rows]
    if duplicates := sorted({name for name in names if names.count(name) > 1}):
        raise TableError(f"Rows occur twice: {', '.join(duplicates)}")
    return rows


def parse(name: str, fields: Mapping[str, Any]) -> Row:
    """One row. Raises: TableError for an unknown field or a value outside its set."""
    match = NAME.fullmatch(name)
    if match is None:
        raise TableError(f'"{name}": use "owner/name" or "owner/name:folder"')
    unknown = set(fields) - set(Row.__dataclass_fields__) | {"repository", "directory"} & set(fields)
    if unknown:
        raise TableError(f"{name}: unknown fields {', '.join(sorted(unknown))}")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    row = Row(repository=match["repository"], directory=match["directory"] or "", **values)
    for is_valid, message in (
        (COMMIT.fullmatch(row.commit), f"commit {row.commit!r}: use 40 hexadecimal digits"),
        (row.plan in PLANS or (row.refused and not row.plan), f"plan {row.plan!r}: use one of {', '.join(PLANS)}"),
        (set(row.runs_on) <= set(PEERS), f"runs_on: use {', '.join(PEERS)}"),
        (set(row.needs) <= set(INDEXES), f"needs: use {', '.join(INDEXES)}"),
        (not (row.refused and row.runs_on), "refused and runs_on exclude each other"),
    ):
        if not is_valid:
            raise TableError(f"{name}: {message}")
    return row


def select(rows: Sequence[Row], patterns: Sequence[str]) -> list[Row]:
    """Rows whose name contains one of the patterns; all without patterns. Raises: TableError for a pattern without a row."""
    for pattern in patterns:
        if not any(pattern in row.name for row in rows):
            raise TableError(f'No row contains "{pattern}". List them: ./taskw corpus --list')
    return [row for row in rows if not patterns or any(pattern in row.name for pattern in patterns)]
