"""The lock of the state folder: one command at a time starts, stops or changes an installation."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from knative.machine.home import Home


@contextmanager
def lock(home: Home) -> Iterator[None]:
    """Hold the lock of the state folder: a second `up` or `down` waits for the first."""
    home.create()
    with (home.run / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def try_lock(home: Home) -> Iterator[bool]:
    """Hold that lock, unless another command does. Yields whether it is held."""
    home.create()
    with (home.run / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
