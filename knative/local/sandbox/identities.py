"""Ranges of user ids: every container has 65,536 that nobody else has.

A range is taken by making a file of its number, which holds whose it is, and is free again when that file is removed: after everything that its owner
wrote is gone from the trash too. Nothing is derived by hashing, which collides. The first range is the platform's: one user for each of its
components, recorded too."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from knative.local.files import write_private

IDS = 65_536
FIRST = 28_992 * IDS
"""1,900,019,712: above what distributions, user managers and container runtimes hand out (systemd's UIDs-GIDs ends at 1,879,048,191)."""
LAST = 65_534 * IDS
USER = 1000
"""Who an application is inside of its range."""
SUBORDINATE = (Path("/etc/subuid"), Path("/etc/subgid"))


@dataclass(frozen=True, slots=True)
class Identity:
    """A range of ids. `first` is what 0 inside is outside."""

    number: int

    @property
    def first(self) -> int:
        return FIRST + self.number * IDS

    @property
    def user(self) -> int:
        """The application's user, as this machine sees it."""
        return self.first + USER


class Exhausted(Exception):
    """Every range is taken."""


class Identities:
    """`folder` holds one file for each range that is taken."""

    def __init__(self, folder: Path, subordinate: tuple[Path, ...] = SUBORDINATE) -> None:
        self._folder = folder
        self._next = 1
        self._foreign = _foreign(subordinate)
        self._retired: set[int] = set()
        self._accounts = folder / "platform.json"

    def open(self, is_owner_left: Callable[[str], bool]) -> None:
        """Retires the ranges whose owner is not there any more."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for file in self._folder.iterdir():
            if file.name.isdigit():
                self._next = max(self._next, int(file.name) + 1)
                if not is_owner_left(file.read_text()):
                    self._retired.add(int(file.name))

    def allocate(self, owner: str) -> Identity:
        """A range that nobody has, recorded before it is given out. Raises Exhausted."""
        count = (LAST - FIRST) // IDS
        for step in range(count - 1):
            number = (self._next - 1 + step) % (count - 1) + 1
            if self._is_foreign(number):
                continue
            try:
                file = os.open(self._folder / str(number), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                continue
            with os.fdopen(file, "w") as record:
                record.write(owner)
            self._next = number + 1
            return Identity(number)
        raise Exhausted(f"all {count} ranges of user ids are taken")

    def retire(self, identity: Identity) -> None:
        """Its owner has ended; what it wrote is being deleted."""
        self._retired.add(identity.number)

    def free_retired(self) -> None:
        """Everything that owners of retired ranges wrote is gone: they may be given out again."""
        for number in self._retired:
            (self._folder / str(number)).unlink(missing_ok=True)
        self._retired.clear()

    def taken(self) -> int:
        """How many ranges are."""
        return sum(file.name.isdigit() for file in self._folder.iterdir())

    @property
    def platform_group(self) -> int:
        """The group of all components of the platform."""
        return FIRST

    def platform_user(self, component: str) -> int:
        """The user of one component of the platform: the same after every restart."""
        known: dict[str, int] = json.loads(self._accounts.read_text()) if self._accounts.exists() else {}
        if component not in known:
            known[component] = FIRST + len(known) + 1
            write_private(self._accounts, json.dumps(known).encode())
        return known[component]

    def _is_foreign(self, number: int) -> bool:
        first = FIRST + number * IDS
        return any(start < first + IDS and first < end for start, end in self._foreign)


def _foreign(files: tuple[Path, ...]) -> list[tuple[int, int]]:
    """Ranges that belong to users of this machine (subuid(5)): (start, end)."""
    found = []
    for file in files:
        if file.exists():
            for line in file.read_text().splitlines():
                words = line.split(":")
                if len(words) == 3 and words[1].isdigit() and words[2].isdigit():
                    found.append((int(words[1]), int(words[1]) + int(words[2])))
    return found
