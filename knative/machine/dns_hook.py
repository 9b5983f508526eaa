"""The operator's DNS hook: what `up` checks of it before anything starts."""

import os
import stat
from pathlib import Path

from functions.deploy.adapters.dns_hook import MAX_BYTES
from functions.deploy.adapters.domain_variables import ACME_DIRECTORY, DNS_CHALLENGES
from knative.local.variables import DNS_HOOK
from knative.machine.home import Home
from knative.machine.installation_objects import Object, binary_secret
from knative.machine.problems import Problem

SECRET = "deploy-dns-hook"


def path(home: Home) -> Path | None:
    """The hook that the settings name."""
    return DNS_HOOK.read(home.environment).absolute() if home.environment.get(DNS_HOOK.name) else None


def settings(home: Home) -> dict[str, str]:
    """CAPSULE_DNS_CHALLENGES, for functions of deploy."""
    return {DNS_CHALLENGES.name: "on"} if path(home) else {}


def secrets(home: Home) -> list[Object]:
    """The Secret with the hook, for the function that orders certificates of users' domains. Raises OSError."""
    return [binary_secret(SECRET, {"hook": hook.read_bytes()})] if (hook := path(home)) else []


def check(home: Home) -> None:
    """Raises: Problem when the hook cannot be used."""
    if (hook := path(home)) is None:
        return
    if not ACME_DIRECTORY.read(home.environment):
        raise Problem(f"{DNS_HOOK.name} is set and {ACME_DIRECTORY.name} is not.", "Name the authority that issues certificates, or unset the hook.")
    if fault := find_fault(hook):
        raise Problem(f"{DNS_HOOK.name}: {fault[0]}", fault[1])


def find_fault(hook: Path) -> tuple[str, str] | None:
    """What is wrong with the file, and what to do."""
    if not hook.is_file():
        return f"{hook} does not exist or is no file.", "Name an executable file. docs/domains.md, The DNS hook, has an example."
    mode, size = hook.stat().st_mode, hook.stat().st_size
    if not mode & stat.S_IXUSR:
        return f"{hook} is not executable.", f"chmod u+x {hook}"
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"{hook} can be changed by others.", f"chmod go-w {hook}"
    if not os.access(hook, os.R_OK):
        return f"{hook} cannot be read.", "The account of ./taskw up must read it."
    if size > MAX_BYTES:
        return f"{hook} has {size} bytes, more than {MAX_BYTES}.", "Name a script that starts the program."
    with hook.open("rb") as file:
        begin = file.read(4)
    if not begin.startswith(b"#!") and begin != b"\x7fELF":
        return f"{hook} is no program: it begins neither with #! nor as an ELF file.", "Begin a script with its interpreter, as in #!/bin/sh"
    return None
