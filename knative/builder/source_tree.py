"""Check the files of a checkout: links that lead elsewhere, pointers of Git LFS instead of files, and scripts from Windows."""

import codecs
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from knative.builder.execution import check_size, log
from knative.builder.failure import BUILD_FAILED, BuildFailure
from knative.builder.text import printable

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
MAX_POINTER_BYTES = 1024
"""Of a pointer file (Git LFS specification)."""
SCRIPT_SUFFIXES = (".sh", ".bash", "")
MAX_SCRIPT_BYTES = 1 << 20
MAX_NAMED_FILES = 10


def check_tree(root: Path, base_directory: str, max_bytes: int) -> None:
    """Make links of the application to other folders of the repository work, and name what cannot work.

    `base_directory`: the application's folder, the only one that its image holds. A link from it to another folder of
    the repository is replaced by a copy. `max_bytes`: of all files with the copies. Raises BuildFailure for a link out
    of the repository and for copies that are too large.
    """
    root = root.resolve()
    base = Path(os.path.normpath(root / base_directory))
    pointers, scripts = [], []
    for path in _walk(root):
        if path.is_symlink():
            _check_link(path, root, base, max_bytes)
        elif _is_lfs_pointer(path):
            pointers.append(_printable_path(path, root))
        elif _make_runnable(path):
            scripts.append(_printable_path(path, root))
    if pointers:
        log(f"    notice: Git LFS is not supported; these files are pointers without their content: {_listed(pointers)}")
    if scripts:
        log(f"    notice: the line ends of these scripts became LF, without which Linux cannot run them: {_listed(scripts)}")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED_FILES} more" if len(names) > MAX_NAMED_FILES else ""
    return f"{', '.join(sorted(names)[:MAX_NAMED_FILES])}{more}"


def _make_runnable(path: Path) -> bool:
    """Give a script with the line ends of Windows, or a byte order mark before `#!`, those of Linux. Return whether it had to."""
    try:
        about = path.stat()
        is_program = bool(about.st_mode & 0o111)
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_SCRIPT_BYTES or not (is_program or path.suffix in SCRIPT_SUFFIXES):
            return False
        with path.open("rb") as file:
            content = file.read(len(codecs.BOM_UTF8) + 2)
            if not content.removeprefix(codecs.BOM_UTF8).startswith(b"#!") and path.suffix not in SCRIPT_SUFFIXES[:2]:
                return False
            content += file.read()
    except OSError:
        return False
    runnable = content.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n")
    if runnable == content or b"\0" in content:
        return False
    path.write_bytes(runnable)
    return True


def _walk(root: Path) -> Iterator[Path]:
    """Yield files and links, without git's own. Links to folders are not entered."""
    for parent, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name != ".git")
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        for name in (*links, *sorted(name for name in files if name != ".git")):
            yield Path(parent, name)


def _check_link(link: Path, root: Path, base: Path, max_bytes: int) -> None:
    name, target_text = _printable_path(link, root), printable(os.readlink(link))
    try:
        target = Path(os.path.realpath(link, strict=True))
    except FileNotFoundError:
        target = Path(os.path.realpath(link))
        if target.is_relative_to(root):
            return  # it names a file that may appear during the build
    except OSError:
        log(f"    notice: link {name} to {target_text} is part of a loop and names no file")
        return
    if not target.is_relative_to(root):
        detail = f"Link {name} points out of the repository, to {target_text}. Replace it by the file, or delete it."
        raise BuildFailure(BUILD_FAILED, detail)
    if not link.is_relative_to(base) or target.is_relative_to(base) or ".git" in target.relative_to(root).parts:
        return
    if link.is_relative_to(target):
        log(f"    notice: link {name} names a folder that contains it; only {_printable_path(base, root)} is part of the application")
        return
    link.unlink()
    _copy(target, link, root, (target,))
    check_size(root, max_bytes)
    log(f"    copied {_printable_path(target, root)} to {name}, a link out of the base directory")


def _copy(source: Path, copy: Path, root: Path, chain: tuple[Path, ...]) -> None:
    """Copy a file or folder of the repository. Links within the folder stay, other links are replaced by what they name.

    `chain`: the folders that are being copied; a link to one of them would never end, so it is omitted.
    """
    if not source.is_dir():
        shutil.copy2(source, copy)
        return
    copy.mkdir()
    for entry in sorted(source.iterdir()):
        if entry.name == ".git":
            continue
        target = Path(os.path.realpath(entry))
        if not entry.is_symlink():
            _copy(entry, copy / entry.name, root, chain)
        elif target.is_relative_to(chain[-1]) or not target.exists():
            (copy / entry.name).symlink_to(os.readlink(entry))
        elif target.is_relative_to(root) and not any(each.is_relative_to(target) for each in chain):
            _copy(target, copy / entry.name, root, (*chain, target))


def _is_lfs_pointer(path: Path) -> bool:
    try:
        if not len(LFS_POINTER) < path.stat().st_size <= MAX_POINTER_BYTES:
            return False
        with path.open("rb") as file:
            return file.read(len(LFS_POINTER)) == LFS_POINTER
    except OSError:
        return False


def _printable_path(path: Path, root: Path) -> str:
    return printable(str(path.relative_to(root)))
