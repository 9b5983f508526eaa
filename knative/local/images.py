"""The image store of one machine: an image is a folder that is named by what it holds.

A cluster pulls `registry/name@sha256:…`; here the builder leaves a folder, this module hashes it and keeps it under its digest, so a
deployment names exactly the bytes that were built, and "push" needs neither a registry nor a credential. Modes count only as git counts
them (executable or not), since a folder changes owner and mode bits on its way into the store. Standard library only: the builder imports it.
"""

import hashlib
import json
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PLATFORM = "capsule.local/capsule"
APPLICATIONS = "capsule.local/apps/"
DEFAULT_COMMAND = ("python", "-m", "functions.runtime.serve")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROJECT = Path(__file__).resolve().parents[2]

_REFERENCE = re.compile(r"^capsule\.local/apps/[a-z0-9]([a-z0-9._/-]*[a-z0-9])?@sha256:(?P<digest>[0-9a-f]{64})$")


class UnknownImage(Exception):
    """What a registry would answer: no such image."""


class BadImage(Exception):
    """A folder that is not an image, or not the one it is said to be."""


@dataclass(frozen=True, slots=True)
class Image:
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path = PROJECT
    platform: bool = False


def digest(folder: Path) -> str:
    """sha256 over the sorted relative paths, their modes as git has them, and their contents."""
    total = hashlib.sha256()
    for path in sorted(_entries(folder), key=lambda each: each.relative_to(folder).as_posix()):
        name, mode = path.relative_to(folder).as_posix(), path.lstat().st_mode
        if stat.S_ISLNK(mode):
            kind, content = "120000", hashlib.sha256(os.fsencode(os.readlink(path))).digest()
        elif stat.S_ISDIR(mode):
            kind, content = "040000", b""
        elif stat.S_ISREG(mode):
            kind = "100755" if mode & 0o111 else "100644"
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
        else:
            raise BadImage(f"{name} is neither a file, a folder nor a link")
        total.update(b"%s %s\0%s\n" % (kind.encode(), os.fsencode(name), content.hex().encode()))
    return total.hexdigest()


def _entries(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(where, name)


class Images:
    """`<state>/images/sha256/<digest>/` with image.json beside rootfs/."""

    def __init__(self, state: Path) -> None:
        self._store = state / "images" / "sha256"

    def resolve(self, reference: str) -> Image:
        """Raises UnknownImage with a sentence that says why."""
        name = reference.split("@", 1)[0].rsplit(":", 1)[0]
        if name == PLATFORM:
            path = f"{Path(sys.executable).parent}:{SYSTEM_PATH}"
            return Image(DEFAULT_COMMAND, {"PATH": path}, PROJECT, platform=True)
        match = _REFERENCE.match(reference)
        if match is None:
            raise UnknownImage(
                f'image "{reference}" cannot be pulled: one machine runs {PLATFORM} and {APPLICATIONS}<name>@sha256:<digest>, built here'
            )
        folder = self._store / match["digest"]
        if not folder.is_dir():
            raise UnknownImage(f'image "{reference}" is not in the image store')
        return self._read(folder)

    def _read(self, folder: Path) -> Image:
        said = read_manifest(folder)
        root = folder / "rootfs"

        def placed(text: str) -> str:
            return text.replace("{root}", str(root))

        interpreter = Path(getattr(sys, "_base_executable", sys.executable)).resolve().parent
        env = {name: placed(value) for name, value in said.env.items()}
        env["PATH"] = ":".join(filter(None, (env.get("PATH", ""), f"{interpreter}:{SYSTEM_PATH}")))
        return Image(tuple(placed(word) for word in said.command), env, root)

    def push(self, folder: Path, claimed: str) -> Path:
        """Takes the folder away into the store, if it is an image and its digest is the claimed one. Blocking: run it in a thread."""
        match = _REFERENCE.match(claimed)
        if match is None:
            raise BadImage(f"{claimed!r} is no reference of the form {APPLICATIONS}<name>@sha256:<digest>")
        if folder.is_symlink() or not folder.is_dir():
            raise BadImage("the build left no image folder")
        self._store.mkdir(parents=True, exist_ok=True)
        arriving = self._store / f".arriving-{os.getpid()}-{match['digest'][:16]}"
        shutil.rmtree(arriving, ignore_errors=True)
        shutil.move(folder, arriving)
        try:
            _take(arriving)
            read_manifest(arriving)
            found = digest(arriving)
            if found != match["digest"]:
                raise BadImage(f"the image's digest is sha256:{found}, the build said sha256:{match['digest']}")
            kept = self._store / found
            if not kept.exists():
                arriving.rename(kept)
            return kept
        finally:
            shutil.rmtree(arriving, ignore_errors=True)

    def __contains__(self, reference: str) -> bool:
        match = _REFERENCE.match(reference)
        return match is not None and (self._store / match["digest"]).is_dir()


@dataclass(frozen=True, slots=True)
class Manifest:
    command: tuple[str, ...]
    env: Mapping[str, str]


def read_manifest(folder: Path) -> Manifest:
    """image.json: {"cmd": [...], "env": {...}, "kind": "python"}; a builder is a tenant's, so it is believed in nothing."""
    try:
        file = os.open(folder / "image.json", os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(file) as open_file:
            said = json.load(open_file)
    except (OSError, ValueError) as error:
        raise BadImage(f"image.json cannot be read: {error}") from error
    command, env = (said.get("cmd"), said.get("env", {})) if isinstance(said, dict) else (None, None)
    if not (isinstance(command, list) and command and all(isinstance(word, str) for word in command)):
        raise BadImage("image.json: cmd must be a list of words")
    if not (isinstance(env, dict) and all(isinstance(value, str) for value in env.values())):
        raise BadImage("image.json: env must map names to text")
    if (folder / "rootfs").is_symlink() or not (folder / "rootfs").is_dir():
        raise BadImage("an image has a folder rootfs/")
    return Manifest(tuple(command), env)


def _take(folder: Path) -> None:
    """Ours from now on: nobody else's to write, everybody's to read, no set-uid."""
    root = os.geteuid() == 0
    for path in (folder, *_entries(folder)):
        mode = path.lstat().st_mode
        if root:
            os.chown(path, 0, 0, follow_symlinks=False)
        if not stat.S_ISLNK(mode):
            path.chmod(0o755 if stat.S_ISDIR(mode) or mode & 0o111 else 0o644)
