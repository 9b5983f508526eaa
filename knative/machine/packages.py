"""Find the programs that Capsule needs on this machine, or install them with its package manager: announced first, with one sudo."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

from functions.runtime.config.variables import OTLP_ENDPOINT
from knative.machine.home import PROJECT
from knative.machine.problems import Problem

INSTALLER = Path(__file__).with_name("install-debian.sh")
MIN_POSTGRES_VERSION = 15
MIN_RABBITMQ_VERSION = (3, 10)


@dataclass(frozen=True)
class Tool:
    """A program or library: its package names, and how to find it. `find` returns None when it is missing."""

    name: str
    apt: str
    brew: str
    find: Callable[[], Path | None]


def find_postgres() -> Path | None:
    """The folder of `initdb` and `postgres` of the newest supported version."""
    candidates = [
        *Path("/usr/lib/postgresql").glob("*/bin"),
        *Path("/opt/homebrew/opt").glob("postgresql@*/bin"),
        *Path("/usr/local/opt").glob("postgresql@*/bin"),
    ]
    on_path = shutil.which("initdb")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    installed = [(version, folder) for folder in candidates if (version := postgres_version(folder))]
    version, folder = max(installed, default=(0, Path()))
    return folder if version >= MIN_POSTGRES_VERSION else None


def postgres_version(folder: Path) -> int:
    """Major version of the server in this folder; 0 when there is none."""
    if not (folder / "initdb").exists() or not (folder / "postgres").exists():
        return 0
    output = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True).stdout
    match = re.search(r"(\d+)", output)
    return int(match[1]) if match else 0


def find_rabbitmq() -> Path | None:
    """The folder of RabbitMQ's own scripts. Debian's wrappers in /usr/sbin only run as root or as the package's user."""
    candidates = [
        *sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"), key=rabbitmq_version),
        *(Path(prefix) / "opt/rabbitmq/sbin" for prefix in ("/opt/homebrew", "/usr/local")),
    ]
    for folder in reversed(candidates):
        if (folder / "rabbitmq-server").exists() and rabbitmq_version(folder) >= MIN_RABBITMQ_VERSION:
            return folder
    return None


def find_erlang() -> Path | None:
    """The folder of Erlang/OTP, which has the `erl` on PATH."""
    program = shutil.which("erl")
    return Path(program).resolve().parents[1] if program else None


def rabbitmq_version(folder: Path) -> tuple[int, ...]:
    """Version from the path of the installation: asking the server would start an Erlang VM."""
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", str(folder.resolve()))
    return tuple(int(part) for part in match.groups()) if match else (0,)


def on_path(name: str, more_folders: str = "") -> Callable[[], Path | None]:
    """A finder for a program on PATH, or in `more_folders` (separated by colons)."""

    def find() -> Path | None:
        path = shutil.which(name) or (shutil.which(name, path=more_folders) if more_folders else None)
        return Path(path) if path else None

    return find


def library(name: str) -> Callable[[], Path | None]:
    """A finder for a shared library."""

    def find() -> Path | None:
        path = find_library(name)
        return Path(path) if path else None

    return find


POSTGRES = Tool("PostgreSQL", "postgresql", "postgresql@17", find_postgres)
PGBOUNCER = Tool("PgBouncer", "pgbouncer", "pgbouncer", on_path("pgbouncer", "/usr/sbin:/opt/homebrew/bin"))  # for tests
RABBITMQ = Tool("RabbitMQ", "rabbitmq-server", "rabbitmq", find_rabbitmq)
REDIS = Tool("Redis", "redis-server", "redis", lambda: on_path("redis-server")() or on_path("valkey-server")())  # of data services
GIT = Tool("git", "git", "git", on_path("git"))
SSHD = Tool("OpenSSH server", "openssh-server", "", on_path("sshd", "/usr/sbin"))  # for tests
SSH = Tool("OpenSSH client", "openssh-client", "openssh", on_path("ssh"))  # clones private repositories
BUBBLEWRAP = Tool("bubblewrap", "bubblewrap", "", on_path("bwrap"))
SLIRP4NETNS = Tool("slirp4netns", "slirp4netns", "", on_path("slirp4netns"))  # network access of tenants
TINI = Tool("tini", "tini", "", on_path("tini"))  # init process of containers
SECCOMP = Tool("libseccomp", "libseccomp2", "", library("seccomp"))  # compiles the system call filter of containers
MKE2FS = Tool("e2fsprogs", "e2fsprogs", "", on_path("mke2fs", "/usr/sbin:/sbin"))  # formats the disks of containers
BUILDAH = Tool("buildah", "buildah", "", on_path("buildah"))  # builds Dockerfiles and pulls images
BUSYBOX = Tool("busybox", "busybox-static", "", on_path("busybox"))  # for tests: the root file system of an image
PEBBLE = Tool("pebble", "pebble", "", on_path("pebble"))  # for tests: an ACME directory
CHROMIUM = Tool("Chromium", "chromium", "", on_path("chromium"))  # for tests
WRK = Tool("wrk", "wrk", "wrk", on_path("wrk"))  # for the bench
NGHTTP2 = Tool("nghttp2's clients", "nghttp2-client", "nghttp2", on_path("h2load"))  # for tests and the bench
NGINX = Tool("nginx", "nginx", "nginx", on_path("nginx", "/usr/sbin"))  # for the bench
DOCKER_REGISTRY = Tool("docker-registry", "docker-registry", "", on_path("docker-registry"))  # for tests
SANDBOX = (BUBBLEWRAP, SLIRP4NETNS, TINI, SECCOMP, MKE2FS, BUILDAH)
TESTS = (POSTGRES, RABBITMQ, REDIS, GIT, SSH, SSHD, BUSYBOX, PEBBLE, NGHTTP2, *SANDBOX)
"""What tests with servers need: a missing one would silently skip those that look for it."""


def install(tools: list[Tool], announce: Callable[[str], None]) -> None:
    """Install the missing tools with one run of the package manager. `announce` prints a line. Raises: Problem."""
    missing = [tool for tool in tools if tool.find() is None]
    if sys.platform == "darwin":
        missing = [tool for tool in missing if tool.brew]
    if not missing:
        return
    names = ", ".join(tool.name for tool in missing)
    if sys.platform == "darwin":
        if not shutil.which("brew"):
            raise Problem(f"Missing: {names}.", "Install Homebrew (https://brew.sh) or these programs, then ./taskw up")
        _run(["brew", "install", *(tool.brew for tool in missing)], names, announce)
    elif shutil.which("apt-get"):
        command = ["sh", str(INSTALLER), *(tool.apt for tool in missing)]
        if os.geteuid() != 0:
            if not shutil.which("sudo"):
                raise Problem(
                    f"Missing: {names}. Installing them needs root or sudo.",
                    f"As root: apt-get install {' '.join(tool.apt for tool in missing)}",
                )
            announce(f"Installing {names} with apt-get. This needs sudo once; the packages' daemons stay stopped.")
            command = ["sudo", *command]
        _run(command, names, announce)
    else:
        raise Problem(f"Missing: {names}. This machine has neither apt-get nor brew.", "Install them with its package manager, then ./taskw up")
    unavailable = [tool for tool in missing if tool.find() is None]
    if unavailable:
        raise Problem(
            f"{', '.join(tool.name for tool in unavailable)}: the packages of this system are too old or incomplete "
            f"(required: RabbitMQ >= {'.'.join(map(str, MIN_RABBITMQ_VERSION))}, PostgreSQL >= {MIN_POSTGRES_VERSION}).",
            "Use Debian 12, Ubuntu 24.04 or newer, or existing servers: CAPSULE_AMQP_URL, CAPSULE_<CONTEXT>_DATABASE_URL",
        )


def _run(command: list[str], names: str, announce: Callable[[str], None]) -> None:
    """Run the installer, showing its last line. Raises: Problem with the end of its output."""
    announce(f"Installing {names}")
    output: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        for line in running.stdout or ():
            output.append(line.rstrip())
            if sys.stdout.isatty():
                sys.stdout.write(f"\r\033[K  {output[-1][:76]}")
                sys.stdout.flush()
    if sys.stdout.isatty():
        sys.stdout.write("\r\033[K")
    if running.returncode != 0:
        tail = "\n".join(output[-15:])
        raise Problem(f"Installing {names} failed:\n{tail}", f"For the full output: {' '.join(command)}")


def install_telemetry(report: Callable[[str], None]) -> None:
    """Install the optional Python packages that export traces, if they are missing. Raises: Problem."""
    from functions.runtime.config import telemetry  # it imports pydantic

    if telemetry.is_installed():
        return
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    requirements = project["project"]["optional-dependencies"]["telemetry"]
    report(f"Installing {', '.join(requirements)}")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    if subprocess.run(command).returncode:
        remedy = f"Install them: {' '.join(command[:4])} {' '.join(map(repr, requirements))}, or unset {OTLP_ENDPOINT.name}."
        raise Problem("The packages that export traces could not be installed.", remedy)
