"""A whole Capsule of an ordinary user, started by root for a test: no capability, no group, bubblewrap for the sandboxes.

The user exists only in a mount namespace of the test, with an /etc/passwd that names it. A Python in a folder that only
root may enter (pyenv's in /root) is visible there at its own path, without the rest of that folder.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from knative.machine.home import PROJECT, Home, Ports
from knative.machine.repositories import Repository
from tests.hostile.deployment import remove_tree
from tests.journeys.whole import Whole, kubectl_folder
from tests.servers import discard, free_offset

NAME, ID = "capsule-test", 61_234


class UserWhole(Whole):
    """A `Whole` whose operator commands run as the user."""

    def task(self, *words: str) -> str:
        environment = {**self.home.child_environment(), "PATH": f"{kubectl_folder()}:{os.environ['PATH']}", "HOME": str(self.home.path), "USER": NAME}
        command = as_user(self.home.path, [sys.executable, "-m", "knative.machine", *words])
        done = subprocess.run(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def repository(self, name: str, files: "dict[str, str]") -> Repository:  # type: ignore[override]
        found = super().repository(name, files)
        subprocess.run(["chown", "-R", f"{ID}:{ID}", str(self.home.git)], check=True)
        return found


def as_user(home: Path, command: list[str]) -> list[str]:
    """Return the command that runs a command as the user, in a mount namespace where the user exists and can read the interpreter."""
    accounts = home / ".accounts"
    accounts.mkdir(exist_ok=True)
    for file, line in (("passwd", f"{NAME}:x:{ID}:{ID}::{home}:/bin/sh\n"), ("group", f"{NAME}:x:{ID}:\n")):
        (accounts / file).write_text(Path("/etc", file).read_text() + line)
    steps = [f"mount --bind {shlex.quote(str(accounts / file))} /etc/{file}" for file in ("passwd", "group")]
    if not os.access("/dev/net/tun", os.F_OK) or not Path("/dev/net/tun").stat().st_mode & 0o006:
        steps += ["mkdir -p /dev/net", "mount -t tmpfs -o mode=755 none /dev/net", "mknod -m 666 /dev/net/tun c 10 200"]  # as udev has it
    steps += _show_interpreter(Path(os.path.realpath(sys.executable)).parents[1], accounts / "python")
    steps.append(f"exec setpriv --reuid {ID} --regid {ID} --clear-groups --inh-caps=-all -- {shlex.join(command)}")
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", "\n".join(steps)]


def _show_interpreter(prefix: Path, kept: Path) -> list[str]:
    """Return the mounts that make the interpreter readable; none when other users can read it already."""
    closed = next((folder for folder in reversed(prefix.parents) if not folder.stat().st_mode & 0o001), None)
    if closed is None:
        return []
    there, here, hidden = (shlex.quote(str(path)) for path in (prefix, kept, closed))
    return [f"mkdir -p {here}", f"mount --bind {there} {here}", f"mount -t tmpfs -o mode=755 none {hidden}", f"mkdir -p {there}",
            f"mount --bind {here} {there}"]  # fmt: skip


@contextmanager
def ordinary_user() -> Iterator[UserWhole]:
    """Start a Capsule as the user and delete everything of it afterwards."""
    path = Path(tempfile.mkdtemp(prefix="capsule-user-", dir="/tmp"))
    os.chown(path, ID, ID)
    path.chmod(0o711)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CAPSULE_")}
    found = UserWhole(Home(path, Ports(free_offset()), environment))
    try:
        found.up()
        yield found
    finally:
        discard(found.home)
        remove_tree(path)
