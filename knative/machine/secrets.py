"""Passwords and keys of this machine: generated once, kept in the state folder with mode 0600, never printed."""

import os
import secrets as generator
from collections.abc import Callable

from knative.machine.home import Home


def kept(home: Home, name: str, generate: Callable[[], str]) -> str:
    """The secret of that name, generated the first time; written whole or not at all, so that a crash leaves no empty one."""
    path = home.secrets / name
    if path.exists():
        return path.read_text()
    home.make()
    value = generate()
    temporary = path.with_name(f".{name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(value)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return value


def password(home: Home, name: str) -> str:
    """Letters and digits only: the broker's dispatcher puts it into an address, where / and @ break it."""
    return kept(home, f"{name}.password", lambda: generator.token_hex(24))
