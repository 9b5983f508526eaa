"""Copy an image's root file system into the folder that the platform stores.

What a sandbox mounts itself is a plain folder or file in the copy, whatever the image has there: mount points are never
reached through a link. Devices, sockets and pipes are left out, as are the set-user-ID bits, which have no effect in a
sandbox.
"""

import os
import shutil
import stat
from pathlib import Path

from knative.builder.execution import Limits, Shell

FOLDERS = {"dev": 0o755, "proc": 0o755, "sys": 0o755, "tmp": 0o1777, "etc": 0o755}
"""Emptied (except etc) and present."""
FILES = ("etc/hosts", "etc/hostname", "etc/resolv.conf")
SPECIAL_BITS = stat.S_ISUID | stat.S_ISGID


def copy_root(source: Path, target: Path, shell: Shell, limits: Limits) -> int:
    """Copy a mounted root file system, and return how many special files were left out. Raises CommandFailed, BuildFailure."""
    target.mkdir(parents=True)
    shell.run(["cp", "--archive", "--no-target-directory", str(source), str(target)], cwd=target, limits=limits, quiet=True)
    for name, mode in FOLDERS.items():
        _make_folder(target / name, mode, is_emptied=name != "etc")
    for name in FILES:
        place = target / name
        if place.is_symlink() or not place.is_file():
            _remove(place)
            place.touch(0o644)
    return _normalize(target)


def read_text(root: Path, name: str) -> str:
    """Return a file's text; empty if it is not a plain file inside the root."""
    place = root
    for part in name.split("/"):
        place = place / part
        if place.is_symlink():
            return ""
    return place.read_text(errors="replace") if place.is_file() else ""


def create_directory(root: Path, directory: str, uid: int, gid: int) -> None:
    """Create a command's working directory if it does not exist, never through a link, as container engines do."""
    place = root
    for part in directory.strip("/").split("/"):
        place = place / part
        if place.is_symlink():
            return  # the command finds out where it leads
        if not place.exists():
            place.mkdir(mode=0o755)
            os.chown(place, uid, gid)


def _make_folder(place: Path, mode: int, is_emptied: bool) -> None:
    if place.is_symlink() or not place.is_dir() or is_emptied:
        _remove(place)
        place.mkdir()
    place.chmod(mode)


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    elif os.path.lexists(place):
        place.unlink()


def _normalize(root: Path) -> int:
    left_out = 0
    for parent, _, files in os.walk(root):
        folder_mode = os.lstat(parent).st_mode
        if folder_mode & SPECIAL_BITS:
            os.chmod(parent, stat.S_IMODE(folder_mode) & ~SPECIAL_BITS)
        for name in files:
            path = os.path.join(parent, name)
            mode = os.lstat(path).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
                os.unlink(path)
                left_out += 1
            elif stat.S_ISREG(mode) and mode & SPECIAL_BITS:
                os.chmod(path, stat.S_IMODE(mode) & ~SPECIAL_BITS)
    return left_out
