"""A read-only view of the files of a repository."""

import json
import os
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Self

from knative.builder.failure import BUILD_FAILED, BuildFailure
from knative.builder.text import decode_text

SKIPPED = frozenset({".git", "node_modules", ".venv", "venv", "__pycache__", ".tox"})
"""Folders without sources of the application."""
MAX_FILES, MAX_LINKS, MAX_DEPTH = 200_000, 4, 100
MAX_FILE_BYTES = 16 * 1024 * 1024


class Tree:
    """The files below one folder of a repository. Paths are relative to the folder, with `/`."""

    def __init__(self, paths: Iterable[str], read: Callable[[str], bytes], directory: str = ".") -> None:
        """`paths`: of all files of the repository. `read` returns a file's content by its path in the repository."""
        self._all = frozenset(paths)
        self._read = read
        self.directory = directory
        """Relative to the repository's root."""

    @classmethod
    def of_folder(cls, folder: Path) -> Self:
        """View a checkout. Links are followed within the repository; those that leave it are not seen."""
        return cls(_walk(folder), lambda path: _read(folder / path))

    @classmethod
    def of_files(cls, files: Mapping[str, str | bytes]) -> Self:
        """View a mapping of paths to contents."""

        def read(path: str) -> bytes:
            content = files[path]
            return content.encode() if isinstance(content, str) else content

        return cls(files, read)

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The folder's files, those of few folders' depth first."""
        prefix = self._prefix
        found = (path[len(prefix) :] for path in self._all if path.startswith(prefix))
        return tuple(sorted(found, key=lambda path: (path.count("/"), path)))

    @cached_property
    def folders(self) -> frozenset[str]:
        """Every folder below this one."""
        return frozenset(str(parent) for path in self.paths for parent in PurePosixPath(path).parents if str(parent) != ".")

    @property
    def names(self) -> list[str]:
        """Names of the files and folders directly in this folder."""
        return sorted({path.split("/", 1)[0] for path in self.paths})

    @property
    def parent(self) -> "Tree | None":
        """The folder that holds this one. None at the repository's root."""
        return None if self.directory == "." else self.from_root(str(PurePosixPath(self.directory).parent))

    @property
    def ancestors(self) -> list["Tree"]:
        """The folders that hold this one, the nearest first."""
        return [self.parent, *self.parent.ancestors] if self.parent else []

    def at(self, folder: str) -> "Tree":
        """Return a view of a folder below this one."""
        return self.from_root(join(self.directory, folder))

    def from_root(self, directory: str) -> "Tree":
        """Return a view of a folder of the repository."""
        return Tree(self._all, self._read, directory)

    def has(self, *paths: str) -> bool:
        """Whether one of the files exists."""
        return any(self._prefix + path in self._all for path in paths)

    def first(self, *paths: str) -> str:
        """Return the first of the files that exists, "" if there is none."""
        return next((path for path in paths if self.has(path)), "")

    def find(self, *patterns: str) -> list[str]:
        """Return the files that match a pattern: `*` within a name, `**/` any folders."""
        expressions = [_expression(pattern) for pattern in patterns]
        return [path for path in self.paths if any(expression.fullmatch(path) for expression in expressions)]

    def text(self, path: str) -> str:
        """Return a file's text with line feeds only, "" if there is no such file.

        Encodings and line ends are those that `knative.builder.text` reads.
        """
        return decode_text(self._read(self._prefix + path)) if self.has(path) else ""

    def json(self, path: str) -> dict[str, Any]:
        """Return a JSON object, {} if there is no such file. Raises BuildFailure(build-failed) if it is not valid."""
        if not (text := self.text(path)).strip():
            return {}
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BuildFailure(BUILD_FAILED, f"{self.place(path)} is not valid JSON: {error}.") from error
        if not isinstance(content, dict):
            raise BuildFailure(BUILD_FAILED, f"{self.place(path)} is not a JSON object.")
        return content

    def toml(self, path: str) -> dict[str, Any]:
        """Return a TOML document, {} if there is no such file. Raises BuildFailure(build-failed) if it is not valid."""
        try:
            return tomllib.loads(self.text(path))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise BuildFailure(BUILD_FAILED, f"{self.place(path)} is not valid TOML: {error}.") from error

    def place(self, path: str) -> str:
        """Return the path in the repository, for messages."""
        return self._prefix + path

    @property
    def _prefix(self) -> str:
        return "" if self.directory == "." else f"{self.directory}/"


def join(*parts: str) -> str:
    """Join paths relative to the repository; `..` and `.` are resolved. "." is the root."""
    return os.path.normpath("/".join(parts))


def table(content: Any, *keys: str) -> dict[str, Any]:
    """Return the table at `keys` of a document, {} where something else is."""
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content if isinstance(content, dict) else {}


def string(content: Any, *keys: str) -> str:
    """Return the string at `keys` of a document, "" where something else is."""
    *parents, last = keys
    value = table(content, *parents).get(last)
    return value.strip() if isinstance(value, str) else ""


@lru_cache(512)
def _expression(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*|\?)", pattern)
    meanings = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meanings.get(part) or re.escape(part) for part in parts))


def _walk(root: Path) -> list[str]:
    """The files below a folder. A folder that several links lead to is walked for MAX_LINKS of its paths, never within itself."""
    real_root = os.path.realpath(root)
    found: list[str] = []
    visits: Counter[str] = Counter()
    pending: list[tuple[str, frozenset[str]]] = [("", frozenset({real_root}))]
    while pending and len(found) < MAX_FILES:
        prefix, parents = pending.pop()
        with os.scandir(os.path.join(root, prefix)) as entries:
            for entry in entries:
                path = prefix + entry.name
                is_link = entry.is_symlink()
                target = os.path.realpath(entry.path) if is_link else ""
                if is_link and not target.startswith(f"{real_root}{os.sep}"):
                    continue
                if entry.is_dir():
                    target = target or os.path.realpath(entry.path)
                    visits[target] += 1
                    is_new = not is_link or visits[target] <= MAX_LINKS
                    if entry.name not in SKIPPED and target not in parents and len(parents) < MAX_DEPTH and is_new:
                        pending.append((f"{path}/", parents | {target}))
                elif entry.is_file():
                    found.append(path)
    return found


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES)
