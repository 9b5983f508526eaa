"""Turn a folder into the image of a static site: its files, an index of them, and the server with its libraries."""

import compileall
import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path
from py_compile import PycInvalidationMode

from knative.builder.execution import log
from knative.builder.failure import TOO_LARGE, BuildFailure
from knative.builder.static_server import index

SERVER_FOLDER, INDEX_FILE = "server", "site.json"
LIBRARIES = ("starlette", "uvicorn", "anyio", "h11", "click", "idna", "typing_extensions")
"""Distributions of the platform that the server needs, pure Python. Copied, not installed: a static site builds without a package index."""
START = "from static_server.server import main\n\nmain()\n"
COMMAND = ("python3", "-I", SERVER_FOLDER, ".")
MAX_FILES = 100_000
MAX_NAMED_LINKS = 5
COMPRESSIBLE_BYTES = range(1 << 10, 16 << 20)
"""Sizes of files that are worth compressing."""
MAX_COMPRESSED_BYTES = 128 << 20
"""Of all files that one build compresses: a few seconds."""


@dataclass(frozen=True, slots=True)
class _Link:
    name: str
    target: str


class SiteInstaller:
    """Installs a site into `root`, the image's root folder. `source`: the folder that is built; a link that leaves it is not followed."""

    def __init__(self, root: Path, source: Path) -> None:
        self._root, self._source = root, source.resolve()
        self._omitted: list[_Link] = []
        self._files: list[tuple[str, int, str, str]] = []
        self._compressed_bytes = 0

    def install(self, site: Path, *, is_source: bool, is_single_page: bool = False) -> tuple[str, ...]:
        """Return the command that serves the site. `is_source`: the site is not the result of a build; its node_modules are not served.

        Hidden files are not served, except .well-known. Links are replaced by what they lead to. Raises BuildFailure(too-large).
        """
        (self._root / index.SITE_FOLDER).mkdir(parents=True)
        for name, path in self._walk(site.resolve(), (), (), is_source):
            self._copy(name, path)
        self._name_omitted_links()
        (self._root / INDEX_FILE).write_text(json.dumps({"files": self._files, "is_single_page": is_single_page}))
        _install_server(self._root / SERVER_FOLDER)
        return COMMAND

    def _walk(self, folder: Path, parts: tuple[str, ...], parents: tuple[Path, ...], is_source: bool) -> Iterator[tuple[str, Path]]:
        """Yield (name, file). `parents`: the real folders above, which a link must not lead back to."""
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            own = (*parts, entry.name)
            if not index.is_served(own) or (is_source and entry.name == "node_modules"):
                continue
            path = Path(entry.path)
            if entry.is_symlink():
                resolved = _resolve(path)
                is_inside = resolved is not None and resolved.is_relative_to(self._source)
                if resolved is None or not is_inside or ".git" in resolved.relative_to(self._source).parts or resolved in (*parents, folder):
                    self._omitted.append(_Link("/".join(own), os.readlink(path)))
                    continue
                path = resolved
            if path.is_dir():
                yield from self._walk(path, own, (*parents, folder), is_source)
            elif path.is_file():
                yield "/".join(own), path

    def _copy(self, name: str, path: Path) -> None:
        if len(self._files) >= MAX_FILES:
            raise BuildFailure(TOO_LARGE, f"The site has more than {MAX_FILES:,} files, the limit of a static site.")
        destination = self._root / index.SITE_FOLDER / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, destination)
        self._list(name, destination, index.SITE_FOLDER)
        size = destination.stat().st_size
        if size in COMPRESSIBLE_BYTES and index.is_compressible(name) and self._compressed_bytes + size <= MAX_COMPRESSED_BYTES:
            self._compressed_bytes += size
            self._compress(name, destination)

    def _compress(self, name: str, path: Path) -> None:
        """Write the file compressed for clients that accept it, unless that saves nothing. The site's own `NAME.gz` is preferred to it."""
        content = path.read_bytes()
        compressed = gzip.compress(content, 6, mtime=0)
        if len(compressed) > 0.9 * len(content):
            return
        destination = self._root / index.ENCODED_FOLDER / f"{name}.gz"
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.write_bytes(compressed)
        self._list(f"{name}.gz", destination, index.ENCODED_FOLDER)

    def _list(self, name: str, path: Path, folder: str) -> None:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:32]
        self._files.append((name, path.stat().st_size, digest, folder))

    def _name_omitted_links(self) -> None:
        for link in self._omitted[:MAX_NAMED_LINKS]:
            reason = "which is missing, a loop, or outside of the folder that is built"
            log(f"    notice: {link.name} is not served: it links to {link.target}, {reason}")
        if len(self._omitted) > MAX_NAMED_LINKS:
            log(f"    notice: {len(self._omitted) - MAX_NAMED_LINKS} further links are not served")


def _resolve(link: Path) -> Path | None:
    """Return where a link leads; None for a loop or a target that does not exist."""
    try:
        return link.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: Python 3.11 and 3.12 on a loop
        return None


def _install_server(folder: Path) -> None:
    folder.mkdir()
    (folder / "__main__.py").write_text(START)
    own = Path(index.__file__).parent
    shutil.copytree(own, folder / own.name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in LIBRARIES:
        for file in Distribution.from_name(name).files or ():
            if file.suffix == ".py" and ".." not in file.parts:
                destination = folder / file
                destination.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.locate(), destination)
    _compile(folder)


def _compile(folder: Path) -> None:
    """Compile the modules here: the site's own program cannot write to its image and would compile them at every start."""
    mode = PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(folder, quiet=2, invalidation_mode=mode, stripdir=str(folder.parent), prependdir="/app")
