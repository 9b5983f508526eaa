"""Passwords and keys of this machine: generated once, stored in the state folder with mode 0600, never printed."""

import os
import secrets as generator
from collections.abc import Callable

from knative.machine.home import Home


def stored_secret(home: Home, name: str, generate: Callable[[], str]) -> str:
    """The secret of that name, generated at first use. The write is atomic: a crash leaves no empty file."""
    path = home.secrets / name
    if path.exists():
        return path.read_text()
    home.create()
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
    """The password of that name: 48 hexadecimal digits, safe inside an AMQP URL."""
    return stored_secret(home, f"{name}.password", lambda: generator.token_hex(24))
