"""Measure an image's tree: its digest, its size, its manifest.

Everything is opened relative to a directory descriptor with O_NOFOLLOW, without recursion and within limits, so no tree
can lead the walk out of itself. The digest is the SHA-256 over the sorted relative paths, their modes as in git, and
their contents. An image with a root file system of its own keeps owners and permissions, which count too.
"""

import hashlib
import os
import stat
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from knative.local.images.errors import BadImage
from knative.local.images.image import IDS, MAX_MANIFEST_BYTES, Manifest, parse_manifest
from knative.local.unpacking.archive import printable
from knative.local.unpacking.unpacker import MAX_DEPTH, OPEN_FOLDER, Limits

OWNER = 1000
"""User and group of an image's files when the platform runs as root. A sandbox maps them to its own user."""
MANIFEST, ROOT_FOLDER = "image.json", "rootfs"
OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
SPECIAL_BITS = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX


@dataclass(frozen=True, slots=True)
class Tree:
    digest: str
    bytes: int
    """Of the files, hard links counted once."""
    files: int
    """Files and links, without folders."""
    entries: int
    manifest: Manifest


def digest(folder: Path) -> str:
    """Return the digest of a folder, 64 hexadecimal digits.

    Raises BadImage when it holds anything but files, folders and links.
    """
    return _walked(folder, Limits(), frozenset(), take_ownership=False).digest()


def measure(folder: Path, limits: Limits, *, ignore: Collection[str] = (), take_ownership: bool = False) -> Tree:
    """Measure an image: a folder with image.json and rootfs/, and nothing else except the names in `ignore`.

    `take_ownership`: as root, change the owner of every entry to OWNER. Blocking: run it in a thread. Raises BadImage.
    """
    manifest = parse_manifest(_read_manifest(folder))
    walk = _walked(folder, limits, frozenset(ignore), take_ownership, keeps_owners=manifest.own_root is not None)
    top = {name: kind for name, kind, _ in walk.found if "/" not in name}
    if top.get(ROOT_FOLDER) != FOLDER_KIND:
        raise BadImage("The image has no folder rootfs.")
    if extra := sorted(top.keys() - {MANIFEST, ROOT_FOLDER}):
        raise BadImage(f"An image holds only image.json and rootfs; this one also holds {printable(os.fsencode(extra[0]))}.")
    files = sum(kind != FOLDER_KIND for _, kind, _ in walk.found)
    return Tree(walk.digest(), walk.total_bytes, files, len(walk.found), manifest)


FOLDER_KIND, LINK_KIND, FILE_KIND, PROGRAM_KIND = b"040000", b"120000", b"100644", b"100755"


@dataclass(slots=True)
class _Walk:
    limits: Limits
    take_ownership: bool
    keeps_owners: bool
    found: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    """(relative path, kind, hash of its content, with owner and permissions where these are kept)"""
    total_bytes: int = 0
    _owner: bytes = b""
    hashes: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """Of files with several names, by device and inode: each is read once."""

    def digest(self) -> str:
        total = hashlib.sha256()
        for name, kind, content in sorted(self.found):
            total.update(b"%s %s\0%s\n" % (kind, os.fsencode(name), content.hex().encode()))
        return total.hexdigest()

    def visit(self, folder: int, name: str, path: str) -> bool:
        """Add an entry. Returns whether it is a folder to enter. Raises BadImage."""
        about = os.stat(name, dir_fd=folder, follow_symlinks=False)
        self._owner = b""
        if self.keeps_owners and path.startswith(ROOT_FOLDER):
            self._owner = _owner(path, about)
        elif self.take_ownership:
            _take_ownership(folder, name, path, about)
        if stat.S_ISDIR(about.st_mode):
            self._add(path, FOLDER_KIND, b"")
            return True
        if stat.S_ISLNK(about.st_mode):
            self._add(path, LINK_KIND, hashlib.sha256(os.fsencode(os.readlink(name, dir_fd=folder))).digest())
        elif stat.S_ISREG(about.st_mode):
            self._add(path, PROGRAM_KIND if about.st_mode & 0o111 else FILE_KIND, self._content(folder, name, path))
        else:
            raise BadImage(f"{printable(os.fsencode(path))} is neither a file, a folder nor a link.")
        return False

    def _content(self, folder: int, name: str, path: str) -> bytes:
        with open(os.open(name, OPEN_FILE, dir_fd=folder), "rb") as file:
            about = os.fstat(file.fileno())
            key = about.st_dev, about.st_ino
            if key in self.hashes:
                return self.hashes[key]
            self.total_bytes += about.st_size
            if not stat.S_ISREG(about.st_mode) or self.total_bytes > self.limits.bytes:
                raise BadImage(f"The image is larger than {self.limits.bytes >> 20:,} MiB.")
            content = hashlib.file_digest(file, "sha256").digest()
        if about.st_nlink > 1:
            self.hashes[key] = content
        return content

    def _add(self, path: str, kind: bytes, content: bytes) -> None:
        self.found.append((path, kind, content + self._owner))
        if len(self.found) > self.limits.entries + 2:  # image.json and rootfs beside what the archive holds
            raise BadImage(f"The image has more than {self.limits.entries:,} files and folders.")


def _walked(folder: Path, limits: Limits, ignore: frozenset[str], take_ownership: bool, keeps_owners: bool = False) -> _Walk:
    walk = _Walk(limits, take_ownership and os.geteuid() == 0, keeps_owners)
    stack: list[tuple[int, str, list[str]]] = []
    """(descriptor, its path with a slash, names left to visit), from the top down to where the walk is."""

    def enter(descriptor: int, path: str) -> None:
        stack.append((descriptor, path, []))
        if len(stack) > MAX_DEPTH + 1:
            raise BadImage(f"{printable(os.fsencode(path))} is more than {MAX_DEPTH} folders deep.")
        stack[-1][2].extend(name for name in os.listdir(descriptor) if len(stack) > 1 or name not in ignore)

    try:
        enter(os.open(folder, OPEN_FOLDER), "")
        while stack:
            descriptor, path, names = stack[-1]
            if not names:
                os.close(stack.pop()[0])
                continue
            name = names.pop()
            if walk.visit(descriptor, name, path + name):
                enter(os.open(name, OPEN_FOLDER, dir_fd=descriptor), f"{path}{name}/")
    except OSError as error:
        raise BadImage(f"The image cannot be read: {error.strerror}.") from error
    finally:
        for descriptor, _, _ in stack:
            os.close(descriptor)
    return walk


def _take_ownership(folder: int, name: str, path: str, about: os.stat_result) -> None:
    if not stat.S_ISLNK(about.st_mode) and about.st_mode & SPECIAL_BITS:
        raise BadImage(f"{printable(os.fsencode(path))} has a set-user-ID, set-group-ID or sticky bit.")
    if (about.st_uid, about.st_gid) != (OWNER, OWNER):
        os.chown(name, OWNER, OWNER, dir_fd=folder, follow_symlinks=False)


def _owner(path: str, about: os.stat_result) -> bytes:
    """Return what an image with a root of its own keeps of an entry beside its content. Raises BadImage."""
    if not stat.S_ISLNK(about.st_mode) and about.st_mode & (stat.S_ISUID | stat.S_ISGID):
        raise BadImage(f"{printable(os.fsencode(path))} has a set-user-ID or set-group-ID bit.")
    if max(about.st_uid, about.st_gid) >= IDS:
        raise BadImage(f"{printable(os.fsencode(path))} belongs to user {about.st_uid} or group {about.st_gid}; an image has ids below {IDS:,}.")
    return b"%d:%d:%o" % (about.st_uid, about.st_gid, 0 if stat.S_ISLNK(about.st_mode) else stat.S_IMODE(about.st_mode))


def _read_manifest(folder: Path) -> bytes:
    top = os.open(folder, OPEN_FOLDER)
    try:
        with open(os.open(MANIFEST, OPEN_FILE, dir_fd=top), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise BadImage("image.json is not a file.")
            return file.read(MAX_MANIFEST_BYTES + 1)
    except OSError as error:
        raise BadImage(f"image.json cannot be read: {error.strerror}.") from error
    finally:
        os.close(top)
