"""Ranges of user ids: every container has 65,536 ids of its own.

A file named by the range's number, with the owner's name in it, allocates a range. The range is free when the file is
removed: after everything that its owner wrote is deleted from the trash too. Ranges are not derived by hashing, which
collides. The first range belongs to the platform, with one recorded user for each of its components.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from knative.local.files import write_private

IDS_PER_RANGE = 65_536
FIRST_ID = 28_992 * IDS_PER_RANGE
"""1,900,019,712: above what distributions, user managers and container runtimes allocate (systemd's UIDs-GIDs ends
at 1,879,048,191)."""
END_ID = 65_534 * IDS_PER_RANGE
APPLICATION_USER = 1000
"""The user of an application inside its container."""
SUBORDINATE = (Path("/etc/subuid"), Path("/etc/subgid"))


@dataclass(frozen=True, slots=True)
class Identity:
    """A range of ids."""

    number: int

    @property
    def first(self) -> int:
        """The id on this machine that is 0 inside the container."""
        return FIRST_ID + self.number * IDS_PER_RANGE

    @property
    def user(self) -> int:
        """The id on this machine of the application's user."""
        return self.first + APPLICATION_USER


class IdentitiesExhausted(Exception):
    """Every range of user ids is allocated."""


class Identities:
    """Allocates ranges.

    `folder` holds one file for each allocated range; `subordinate`: files of ranges that belong to users of this
    machine.
    """

    def __init__(self, folder: Path, subordinate: tuple[Path, ...] = SUBORDINATE) -> None:
        self._folder = folder
        self._next = 1
        self._reserved = _read_subordinate_ranges(subordinate)
        self._retired: set[int] = set()
        self._accounts = folder / "platform.json"
        self._users: dict[str, int] = {}
        """The users of the platform's components, as `_accounts` records them."""

    def open(self, has_owner: Callable[[str], bool]) -> None:
        """Read the allocated ranges and retire those whose owner no longer exists (`has_owner` is called with the owner's name)."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for file in self._folder.iterdir():
            if file.name.isdigit():
                self._next = max(self._next, int(file.name) + 1)
                if not has_owner(file.read_text()):
                    self._retired.add(int(file.name))

    def allocate(self, owner: str) -> Identity:
        """Allocate a free range; it is recorded before it is returned. Raises IdentitiesExhausted."""
        count = (END_ID - FIRST_ID) // IDS_PER_RANGE
        for step in range(count - 1):
            number = (self._next - 1 + step) % (count - 1) + 1
            if self._is_reserved(number):
                continue
            try:
                file = os.open(self._folder / str(number), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                continue
            with os.fdopen(file, "w") as record:
                record.write(owner)
            self._next = number + 1
            return Identity(number)
        raise IdentitiesExhausted(f"all {count} ranges of user ids are allocated")

    def retire(self, identity: Identity) -> None:
        """Mark a range whose owner has ended. It is allocated again after `free_retired`."""
        self._retired.add(identity.number)

    def free_retired(self) -> None:
        """Free the retired ranges. Call it when everything that their owners wrote is deleted."""
        for number in self._retired:
            (self._folder / str(number)).unlink(missing_ok=True)
        self._retired.clear()

    @property
    def platform_group(self) -> int:
        """The group of all components of the platform."""
        return FIRST_ID

    def platform_user(self, component: str) -> int:
        """Return the user of one component of the platform; it stays the same over restarts."""
        if not self._users and self._accounts.exists():
            self._users = json.loads(self._accounts.read_text())
        if component not in self._users:
            self._users[component] = FIRST_ID + len(self._users) + 1
            write_private(self._accounts, json.dumps(self._users).encode())
        return self._users[component]

    def _is_reserved(self, number: int) -> bool:
        first = FIRST_ID + number * IDS_PER_RANGE
        return any(start < first + IDS_PER_RANGE and first < end for start, end in self._reserved)


def _read_subordinate_ranges(files: tuple[Path, ...]) -> list[tuple[int, int]]:
    """Return the (start, end) of ranges that belong to users of this machine (subuid(5))."""
    found = []
    for file in files:
        if file.exists():
            for line in file.read_text().splitlines():
                words = line.split(":")
                if len(words) == 3 and words[1].isdigit() and words[2].isdigit():
                    found.append((int(words[1]), int(words[1]) + int(words[2])))
    return found
