"""Programs with their versions, and features of the kernel."""

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from knative.machine import packages
from knative.machine.doctor.finding import Finding, Level
from knative.machine.home import Home

MIN_PYTHON, MIN_KERNEL = (3, 11), (5, 15)
CONTROLLERS = frozenset(("cpu", "memory", "pids"))


def check(home: Home, _: datetime) -> Iterator[Finding]:
    tools = [packages.GIT, packages.SSH, *packages.SANDBOX]
    versions = {"Python": platform.python_version()}
    if not home.external_amqp_url:
        tools.append(packages.RABBITMQ)
        if (folder := packages.find_rabbitmq()) is not None:
            versions["RabbitMQ"] = ".".join(map(str, packages.rabbitmq_version(folder)))
    if home.local_contexts:
        tools.append(packages.POSTGRES)
        if (folder := packages.find_postgres()) is not None:
            versions["PostgreSQL"] = str(packages.postgres_version(folder))
    if home.has_local_redis:
        tools.append(packages.REDIS)
    yield decide_programs(sys.version_info[:2], [tool.name for tool in tools if tool.find() is None], versions)


def decide_programs(python: tuple[int, ...], missing: list[str], versions: Mapping[str, str]) -> Finding:
    """`missing`: programs that are absent or too old."""
    text = ", ".join(f"{name} {version}" for name, version in versions.items())
    if python < MIN_PYTHON:
        return Finding("programs", Level.FAULT, f"Python {python[0]}.{python[1]} is too old.", "PYTHON=python3.11 ./taskw …")
    if missing:
        needed = f"RabbitMQ {'.'.join(map(str, packages.MIN_RABBITMQ_VERSION))}, PostgreSQL {packages.MIN_POSTGRES_VERSION} or newer"
        return Finding("programs", Level.FAULT, f"Missing or too old: {', '.join(missing)}", f"./taskw up installs them ({needed}).")
    return Finding("programs", Level.GOOD, text)


@dataclass(frozen=True)
class Kernel:
    """`controllers`: of control groups, of version 2 or 1; empty without them. `max_user_namespaces`: 0 when they are off; None: not on Linux."""

    release: str
    controllers: frozenset[str]
    max_user_namespaces: int | None
    is_restricted: bool
    """Whether AppArmor lets only listed programs use user namespaces (Ubuntu 24.04)."""
    is_root: bool


def read_kernel(root: Path = Path("/")) -> Kernel:
    groups = root / "sys/fs/cgroup"
    controllers = _text(groups / "cgroup.controllers").split() or [name for name in CONTROLLERS if (groups / name).is_dir()]
    namespaces = _text(root / "proc/sys/user/max_user_namespaces").strip()
    is_off = _text(root / "proc/sys/kernel/unprivileged_userns_clone").strip() == "0"
    is_restricted = _text(root / "proc/sys/kernel/apparmor_restrict_unprivileged_userns").strip() == "1"
    count = None if not namespaces.isdigit() else 0 if is_off else int(namespaces)
    return Kernel(platform.release(), frozenset(controllers), count, is_restricted, os.geteuid() == 0)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def decide_kernel(kernel: Kernel) -> Iterator[Finding]:
    version = tuple(int(part) for part in kernel.release.split("-")[0].split(".")[:2] if part.isdigit())
    if version < MIN_KERNEL:
        minimum = ".".join(map(str, MIN_KERNEL))
        yield Finding("kernel", Level.WARNING, f"Linux {kernel.release} is older than {minimum}: containers have no ID-mapped mounts.", "Upgrade it.")
    if missing := CONTROLLERS - kernel.controllers:
        summary = "no control groups" if not kernel.controllers else f"control groups lack {', '.join(sorted(missing))}"
        yield Finding("kernel", Level.WARNING, f"{summary}: limits of applications are weaker.", "Boot with systemd.unified_cgroup_hierarchy=1.")
    if kernel.max_user_namespaces == 0:
        yield Finding(
            "kernel", Level.FAULT, "User namespaces are off: builds and applications cannot be isolated.", "sysctl user.max_user_namespaces=15000"
        )
    elif kernel.is_restricted and not kernel.is_root:
        remedy = "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or run ./taskw as root"
        yield Finding("kernel", Level.FAULT, "AppArmor forbids user namespaces to programs without a profile.", remedy)


def check_kernel(home: Home, _: datetime) -> Iterator[Finding]:
    if sys.platform != "linux":
        yield Finding("kernel", Level.WARNING, f"{platform.system()}: applications are not isolated.", "Use Linux for more than one tenant.")
        return
    found = list(decide_kernel(read_kernel()))
    yield from found or [Finding("kernel", Level.GOOD, f"Linux {platform.release()}: control groups, namespaces")]
    report = home.path / "knative" / "isolation"
    if report.exists():
        yield decide_isolation(report.read_text().strip())


def decide_isolation(report: str) -> Finding:
    """`report`: what the one-machine Knative determined at its last start."""
    if report.startswith("single-tenant mode"):
        return Finding("isolation", Level.WARNING, report, "Let only people whom you trust deploy here; see docs/security.md.")
    return Finding("isolation", Level.GOOD, report)
