"""The users and the view of the file system of the platform's own processes when root starts them.

A function runs as an unprivileged user, one for each component, in a mount namespace with the system's programs, this
Python, the project's files, the pods' folders of the platform's namespaces and the folders that `up` shares (mail,
sample repositories). It sees neither the secrets of `up`, nor the servers' data, nor a tenant's files. Folders above
the project can stay closed to other users.
"""

import os
import stat
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from knative.local.images import PROJECT
from knative.local.objects import Object
from knative.local.processes.process import Command
from knative.local.sandbox.identities import Identities
from knative.local.sandbox.plan import SYSTEM, Isolation, Mount, Sandbox, arrange, interpreters

COMPONENT = "app.kubernetes.io/component"
NAME = "app.kubernetes.io/name"


class PlatformView:
    """`scratch`: an empty folder to assemble the view on; `writable`, `readable`: folders of this machine that the processes share."""

    def __init__(
        self, home: Path, scratch: Path, identities: Identities, writable: Iterable[Path], readable: Iterable[Path], filter: bytes | None
    ) -> None:
        self._home, self._scratch = home, scratch
        self._identities = identities
        self._writable, self._readable = tuple(writable), tuple(readable)
        self._filter = filter

    @property
    def group(self) -> int:
        return self._identities.platform_group

    def user(self, pod: Object) -> int:
        """Return the user of a pod's component.

        Contexts have different users and cannot signal each other's processes.
        """
        labels = pod["metadata"].get("labels") or {}
        return self._identities.platform_user(str(labels.get(COMPONENT) or labels.get(NAME) or "other"))

    def contain(self, command: Command) -> Command:
        """Return the command with this view of the file system, for the launcher."""
        return replace(command, sandbox=self.sandbox(command.uid, command.gid))

    def sandbox(self, uid: int | None, gid: int | None) -> Sandbox:
        self._scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        mounts, links = [], []
        for folder in (*SYSTEM, "/etc"):
            if os.path.islink(folder):
                links.append((os.readlink(folder), folder))
            elif os.path.isdir(folder):
                mounts.append(Mount(folder, folder))
        resolver = os.path.realpath("/etc/resolv.conf")
        if not resolver.startswith("/etc/") and os.path.isfile(resolver):
            mounts.append(Mount(resolver, resolver))
        mounts += platform_mounts(self._home)
        mounts += [Mount(str(each), str(each)) for each in self._readable if each.is_dir()]
        mounts += [Mount(str(each), str(each), writable=True) for each in self._writable if each.is_dir()]
        arranged_mounts, arranged_links = arrange(mounts, links)
        return Sandbox(Isolation.ROOT, uid, str(self._scratch), arranged_mounts, arranged_links, gid=gid, pid_namespace=False, filter=self._filter)


def find_unreadable() -> Path | None:
    """Return a file of the project that other users cannot read, so that no function could run; None when there is none.

    Side effect: byte code that Python wrote under a restrictive umask becomes readable; it reveals no more than its
    source.
    """
    for folder in ("functions", "events", "knative", "sql", "schemas"):
        for place in (PROJECT / folder, *(PROJECT / folder).rglob("*")):
            mode = place.lstat().st_mode
            needed = 0o005 if stat.S_ISDIR(mode) else 0o004
            if stat.S_ISLNK(mode) or mode & needed == needed:
                continue
            if place.suffix != ".pyc" and place.name != "__pycache__":
                return place
            place.chmod(stat.S_IMODE(mode) | needed)
    return None


def platform_mounts(home: Path) -> list[Mount]:
    """Return the mounts of the project, as an image would hold it (without history or state), and of the Python that runs it."""
    files = [each for each in PROJECT.iterdir() if (not each.name.startswith(".") or each.name == ".venv") and each != home]
    prefix = Path(sys.prefix)
    places = [*files, *map(Path, interpreters()), *([] if prefix.is_relative_to(PROJECT) else [prefix])]
    return [Mount(str(each), str(each)) for each in places]
