"""Who the servers run as. RabbitMQ and PostgreSQL don't run as root (PostgreSQL refuses); started by root they run as the packages' own users."""

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knative.machine.problems import Problem


@dataclass(frozen=True)
class Account:
    """An unprivileged account of this machine, used only when we are root."""

    name: str
    uid: int
    gid: int

    def popen(self) -> dict[str, Any]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, folder: Path, mode: int = 0o700) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
        shutil.chown(folder, self.uid, self.gid)

    def demand_way_to(self, folder: Path) -> None:
        """Every folder on the way must let the account through."""
        for parent in reversed(folder.parents):
            facts = parent.stat()
            passes = (
                (facts.st_uid == self.uid and facts.st_mode & 0o100) or (facts.st_gid == self.gid and facts.st_mode & 0o010) or facts.st_mode & 0o001
            )
            if not passes:
                raise Problem(
                    f"{parent} (mode {facts.st_mode & 0o777:o}) can't be entered by user {self.name}, whom the servers run as when root starts them",
                    f"chmod o+x {parent}, or keep the state elsewhere: CAPSULE_HOME=/var/lib/capsule ./taskw up",
                )


def server_account(*names: str) -> Account | None:
    """None when we aren't root: the servers then run as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in names:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, found.pw_uid, found.pw_gid)
    raise Problem(f"no user {' or '.join(names)} on this machine, and servers are not run as root", f"useradd --system {names[0]}")


def own(folder: Path, account: Account | None, mode: int = 0o700) -> None:
    """A folder for a server: its account's when we are root, ours otherwise."""
    if account:
        account.demand_way_to(folder)
        account.own(folder, mode)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
