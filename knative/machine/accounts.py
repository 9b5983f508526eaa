"""The accounts that servers run as. RabbitMQ and PostgreSQL never run as root: started by root, they run as the users of their packages."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knative.machine.problems import Problem


@dataclass(frozen=True)
class Account:
    """An unprivileged account of this machine, used when the task runs as root."""

    name: str
    uid: int
    gid: int

    def popen_options(self) -> dict[str, Any]:
        """Keyword arguments for `subprocess.Popen`."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, folder: Path, mode: int = 0o700) -> None:
        """Create the folder if it is missing, and make this account its owner."""
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
        shutil.chown(folder, self.uid, self.gid)

    def require_access_to(self, folder: Path) -> None:
        """Raise Problem when the account may not enter a parent folder of `folder`."""
        for parent in reversed(folder.parents):
            info = parent.stat()
            is_open = (info.st_uid == self.uid and info.st_mode & 0o100) or (info.st_gid == self.gid and info.st_mode & 0o010) or info.st_mode & 0o001
            if not is_open:
                raise Problem(
                    f"User {self.name} cannot enter {parent} (mode {info.st_mode & 0o777:o}). Started by root, the servers run as this user.",
                    f"chmod o+x {parent}, or keep the state elsewhere: CAPSULE_HOME=/var/lib/capsule ./taskw up",
                )


def server_account(*names: str) -> Account | None:
    """The first of these accounts that exists; None when the task does not run as root. Raises: Problem when none exists."""
    if os.geteuid() != 0:
        return None
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise Problem(f"This machine has no user {' or '.join(names)}, and servers do not run as root.", f"useradd --system {names[0]}")


def own_account(name: str) -> Account | None:
    """A system account of Capsule, created when the task runs as root; None otherwise. Raises: Problem when it cannot be created."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", name]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Problem(f"The account {name} cannot be created: {error}.", f"As root: {' '.join(command)}") from error
        entry = pwd.getpwnam(name)
    return Account(name, entry.pw_uid, entry.pw_gid)


def own(folder: Path, account: Account | None, mode: int = 0o700) -> None:
    """Create a folder for a server: owned by its account when the task runs as root, by the current user otherwise."""
    if account:
        account.require_access_to(folder)
        account.own(folder, mode)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
