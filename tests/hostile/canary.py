"""A folder of the host that only its owner may touch: code that acts by path inside a tenant's tree could be led to it by a link."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

OWNER = 4242
"""No account of this machine. When the test does not run as root, the files are its own."""
FILES = 200


@dataclass(frozen=True)
class Canary:
    folder: Path
    before: dict[str, tuple[int, ...]]
    word: str

    def differences(self) -> list[str]:
        """Return the files whose owner, mode, size or change time differ from the start.

        The change time reveals even reverted changes.
        """
        now = facts_of(self.folder)
        return sorted(name for name in {*now, *self.before} if now.get(name) != self.before.get(name))


def facts_of(folder: Path) -> dict[str, tuple[int, ...]]:
    found = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        about = path.lstat()
        found[str(path.relative_to(folder))] = (about.st_mode, about.st_uid, about.st_gid, about.st_size, about.st_ctime_ns)
    return found


@contextmanager
def canary() -> Iterator[Canary]:
    """Create files with the names that the attacker uses, so that an action on `swapped/f7` could land on one of them."""
    folder = Path(tempfile.mkdtemp(prefix="capsule-canary-", dir="/tmp"))
    word = secrets.token_hex(16)
    try:
        for name in ("rootfs", "rootfs/deep"):
            (folder / name).mkdir()
        for number in range(FILES):
            (folder / f"f{number}").write_text(word)
        (folder / "image.json").write_text(word)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o700 if path.is_dir() else 0o600)
            if os.geteuid() == 0:
                os.chown(path, OWNER, OWNER)
        yield Canary(folder, facts_of(folder), word)
    finally:
        shutil.rmtree(folder)
