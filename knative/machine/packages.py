"""Finds the servers and tools on this machine, or installs them with the machine's own package manager: asked for once, announced before."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

from knative.machine.problems import Problem

INSTALLER = Path(__file__).with_name("install-debian.sh")
MINIMUM_POSTGRES = 15
MINIMUM_RABBITMQ = (3, 10)


@dataclass(frozen=True)
class Tool:
    """Something the machine must have; `find` says where it is, or None."""

    name: str
    apt: str
    brew: str
    find: Callable[[], Path | None]


def find_postgres() -> Path | None:
    """The folder of initdb and postgres: the newest that is new enough."""
    candidates = [
        *Path("/usr/lib/postgresql").glob("*/bin"),
        *Path("/opt/homebrew/opt").glob("postgresql@*/bin"),
        *Path("/usr/local/opt").glob("postgresql@*/bin"),
    ]
    on_path = shutil.which("initdb")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    found = [(version, folder) for folder in candidates if (version := postgres_version(folder))]
    version, folder = max(found, default=(0, Path()))
    return folder if version >= MINIMUM_POSTGRES else None


def postgres_version(folder: Path) -> int:
    """The major version of the server in this folder; 0 when there is none."""
    if not (folder / "initdb").exists() or not (folder / "postgres").exists():
        return 0
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True).stdout
    match = re.search(r"(\d+)", said)
    return int(match[1]) if match else 0


def find_rabbitmq() -> Path | None:
    """The folder of the server's own scripts. Debian's wrapper in /usr/sbin insists on root or the package's user; these don't."""
    candidates = [
        *sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"), key=rabbitmq_version),
        *(Path(prefix) / "opt/rabbitmq/sbin" for prefix in ("/opt/homebrew", "/usr/local")),
    ]
    for folder in reversed(candidates):
        if (folder / "rabbitmq-server").exists() and rabbitmq_version(folder) >= MINIMUM_RABBITMQ:
            return folder
    return None


def rabbitmq_version(folder: Path) -> tuple[int, ...]:
    """From the installation's folder: asking the server would start an Erlang machine."""
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", str(folder.resolve()))
    return tuple(int(part) for part in match.groups()) if match else (0,)


def on_path(name: str, also: str = "") -> Callable[[], Path | None]:
    """`also`: folders beside those of PATH."""

    def find() -> Path | None:
        found = shutil.which(name) or (shutil.which(name, path=also) if also else None)
        return Path(found) if found else None

    return find


def library(name: str) -> Callable[[], Path | None]:
    def find() -> Path | None:
        found = find_library(name)
        return Path(found) if found else None

    return find


POSTGRES = Tool("PostgreSQL", "postgresql", "postgresql@17", find_postgres)
RABBITMQ = Tool("RabbitMQ", "rabbitmq-server", "rabbitmq", find_rabbitmq)
GIT = Tool("git", "git", "git", on_path("git"))
BUBBLEWRAP = Tool("bubblewrap", "bubblewrap", "", on_path("bwrap"))
SLIRP4NETNS = Tool("slirp4netns", "slirp4netns", "", on_path("slirp4netns"))  # the way out of a tenant's own network
TINI = Tool("tini", "tini", "", on_path("tini"))  # reaps orphans inside of a container
SECCOMP = Tool("libseccomp", "libseccomp2", "", library("seccomp"))  # compiles the system call filter of containers
MKE2FS = Tool("e2fsprogs", "e2fsprogs", "", on_path("mke2fs", "/usr/sbin:/sbin"))  # formats the disks of containers
SANDBOX = (BUBBLEWRAP, SLIRP4NETNS, TINI, SECCOMP, MKE2FS)


def install(tools: list[Tool], announce: Callable[[str], None]) -> None:
    """Installs what is missing, in one go."""
    missing = [tool for tool in tools if tool.find() is None]
    if sys.platform == "darwin":
        missing = [tool for tool in missing if tool.brew]
    if not missing:
        return
    names = ", ".join(tool.name for tool in missing)
    if sys.platform == "darwin":
        if not shutil.which("brew"):
            raise Problem(f"missing: {names}", "install Homebrew (https://brew.sh), or these by hand, then ./taskw up")
        _run(["brew", "install", *(tool.brew for tool in missing)], names, announce)
    elif shutil.which("apt-get"):
        command = ["sh", str(INSTALLER), *(tool.apt for tool in missing)]
        if os.geteuid() != 0:
            if not shutil.which("sudo"):
                raise Problem(
                    f"missing: {names}, and neither root nor sudo to install them",
                    f"as root: apt-get install {' '.join(tool.apt for tool in missing)}",
                )
            announce(f"Installing {names}: sudo is needed for this once (apt-get; the packages' own daemons stay stopped).")
            command = ["sudo", *command]
        _run(command, names, announce)
    else:
        raise Problem(f"missing: {names}, and neither apt-get nor brew here", "install them with the machine's package manager, then ./taskw up")
    left = [tool for tool in missing if tool.find() is None]
    if left:
        raise Problem(
            f"{', '.join(tool.name for tool in left)}: what this system's packages offer is too old or incomplete "
            f"(needed: RabbitMQ >= {'.'.join(map(str, MINIMUM_RABBITMQ))}, PostgreSQL >= {MINIMUM_POSTGRES})",
            "use Debian 12, Ubuntu 24.04 or newer, or name servers that are already there: CAPSULE_AMQP_URL, CAPSULE_<CONTEXT>_DATABASE_URL",
        )


def _run(command: list[str], names: str, announce: Callable[[str], None]) -> None:
    """Its last line is shown while it works; all of it, when it fails."""
    announce(f"installing {names}")
    said: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        for line in running.stdout or ():
            said.append(line.rstrip())
            if sys.stdout.isatty():
                sys.stdout.write(f"\r\033[K  {said[-1][:76]}")
                sys.stdout.flush()
    if sys.stdout.isatty():
        sys.stdout.write("\r\033[K")
    if running.returncode != 0:
        last = "\n".join(said[-15:])
        raise Problem(f"installing {names} failed:\n{last}", f"run it by hand to see more: {' '.join(command)}")
