"""Passwords and keys of this machine: generated once, stored in the state folder with mode 0600, never printed."""

import os
import secrets as generator
from collections.abc import Callable

from knative.machine.home import Home


def stored_secret(home: Home, name: str, generate: Callable[[], str]) -> str:
    """The secret of that name, generated at first use."""
    path = home.secrets / name
    if path.exists():
        return path.read_text()
    return store(home, name, generate())


def store(home: Home, name: str, value: str) -> str:
    """Replace the secret of that name, and return the value. The write is atomic: a crash leaves the former value or the new one."""
    home.create()
    path = home.secrets / name
    temporary = path.with_name(f".{name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(value)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return value


def password(home: Home, name: str) -> str:
    """The password of that name: 48 hexadecimal digits, safe inside an AMQP URL."""
    return stored_secret(home, f"{name}.password", new_password)


def new_password() -> str:
    return generator.token_hex(24)


def find(home: Home, name: str) -> str | None:
    """The secret of that name; None if there is none."""
    path = home.secrets / name
    return path.read_text() if path.exists() else None


def delete(home: Home, name: str) -> None:
    """Idempotent."""
    (home.secrets / name).unlink(missing_ok=True)
