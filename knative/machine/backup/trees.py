"""Folders as archives: files of the state folder, and images. GNU tar keeps owners by number, modes, hard links and extended attributes."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from functions.wire.backups.programs import ProgramFailed, feed, output_of
from knative.machine.backup.destination import KEY
from knative.machine.backup.parts import Gone, Moment, Source
from knative.machine.home import Home

FILES = (
    *("secrets", "tls", "git", "mail", "payments", "kubeconfig", "grouping", "administrators", "billing-days-ahead"),
    *("knative/tls", "knative/identities"),
)
"""Below the state folder. Not stored: `run`, `log`, `bin`, caches, and the data folders of servers, whose content is dumped."""
CHANGED_WHILE_READ = 1
"""Exit code of tar: a file grew or was removed while it was read (https://www.gnu.org/software/tar/manual/html_section/Synopsis.html)."""
CREATE = ("tar", "--create", "--numeric-owner", "--xattrs", "--sparse", "--use-compress-program=gzip -1")
EXTRACT = ("tar", "--extract", "--numeric-owner", "--preserve-permissions", "--xattrs", "--xattrs-include=*", "--gzip", "--file=-")


@dataclass(frozen=True, slots=True)
class Tree:
    """`members`: what of `folder` is stored. `may_change`: files that come and go while they are read are no failure."""

    name: str
    folder: Path
    members: Sequence[str]
    excluded: Sequence[str] = ()
    may_change: bool = False

    def read(self) -> Iterator[bytes]:
        excluded = [f"--exclude={each}" for each in self.excluded]
        command = [*CREATE, "--file=-", f"--directory={self.folder}", *excluded, "--", *self.members]
        try:
            yield from output_of(command, accepted=(0, CHANGED_WHILE_READ) if self.may_change else (0,))
        except ProgramFailed as failure:
            if not self.folder.exists() or not all((self.folder / each).exists() for each in self.members):
                raise Gone from failure
            raise


def extract(folder: Path, chunks: Iterator[bytes]) -> None:
    """Extract an archive into a folder, which is created. Raises ProgramFailed."""
    folder.mkdir(parents=True, exist_ok=True)
    feed(chunks, [*EXTRACT, f"--directory={folder}"])


class Files:
    """Keys and secrets, certificates, sample repositories, e-mails of the local mailbox, and choices of the operator."""

    title = "Files"
    prefix = "files"
    needs_servers = False

    def sources(self, home: Home, moment: Moment) -> Sequence[Source]:
        members = [each for each in FILES if (home.path / each).exists()]
        return [Tree("files", home.path, members, excluded=[f"secrets/{KEY}", "secrets/.*"], may_change=True)] if members else []

    def restore(self, home: Home, name: str, chunks: Iterator[bytes]) -> None:
        extract(home.path, chunks)


class StoredImages:
    """Images of applications: of running releases, and of those that a rollback may need, as retention keeps them."""

    title = "Images"
    prefix = "image-"
    needs_servers = False

    def sources(self, home: Home, moment: Moment) -> Sequence[Source]:
        root = _images(home)
        found = sorted(path for path in root.glob("*/*") if path.is_dir() and not path.name.startswith("."))
        return [Tree(f"image-{path.parent.name}-{path.name[-16:]}", root, [path.relative_to(root).as_posix()]) for path in found]

    def restore(self, home: Home, name: str, chunks: Iterator[bytes]) -> None:
        root = _images(home)
        for folder in (home.path / "knative", root.parent, root):
            folder.mkdir(mode=0o700, exist_ok=True)
        extract(root, chunks)
        for each in root.iterdir():
            each.chmod(0o700)


def _images(home: Home) -> Path:
    return home.path / "knative" / "images" / "apps"


def is_unused(home: Home) -> bool:
    """Whether the state folder has nothing that a restore would overwrite."""
    kept = {"bin", "backups", "run", "log", "secrets", "restoring"}
    if not home.path.exists():
        return True
    names = {each.name for each in home.path.iterdir()}
    secrets = {each.name for each in home.secrets.iterdir()} if home.secrets.exists() else set()
    return names <= kept and secrets <= {KEY}


def clear(home: Home) -> None:
    """Delete what an interrupted restore has written, or what the operator wants to replace. Keeps the key and the folder of backups."""
    for entry in home.path.iterdir() if home.path.exists() else ():
        if entry.name in ("bin", "backups", "run", "log", "restoring"):
            continue
        if entry.name == "secrets":
            for each in entry.iterdir():
                if each.name != KEY:
                    each.unlink()
        elif entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
