"""`whole`: one Capsule for the run, started by the first test of any worker that asks. `own_whole`: one that may be broken, killed and ended."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from knative.machine.home import Home, Ports
from tests.journeys.people import Person
from tests.journeys.whole import Whole
from tests.servers import HOME, discard, free_offset, fresh_home, task_environment


@pytest.fixture(scope="session")
def whole() -> Iterator[Whole]:
    """The last worker that used it ends it."""
    folder = Path(os.environ[HOME]) / "whole"
    folder.mkdir(mode=0o711, exist_ok=True)
    users, offset = folder / "users", folder / "offset"
    with FileLock(folder / "lock"):
        if not offset.exists():
            offset.write_text(str(free_offset()))
        found = Whole(Home(folder, Ports(int(offset.read_text())), task_environment()))
        count = int(users.read_text()) if users.exists() else 0
        if count == 0:
            found.up()
        users.write_text(str(count + 1))
    yield found
    with FileLock(folder / "lock"):
        count = int(users.read_text()) - 1
        users.write_text(str(count))
        if count == 0:
            discard(found.home)


@pytest.fixture(scope="module")
def own_whole() -> Iterator[Whole]:
    found = Whole(fresh_home("capsule-whole-"))
    try:
        found.up()
        yield found
    finally:
        discard(found.home)


@pytest.fixture(scope="module")
def ada(whole: Whole) -> Person:
    return Person(whole).become_a_user()
