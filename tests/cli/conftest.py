"""`terminal` talks to nobody; `scripted` makes a server that says what it is told to; the whole Capsule is that of the journeys."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.scripted import Asked, Said, Scripted
from tests.cli.terminal import Terminal
from tests.journeys.conftest import ada, whole

__all__ = ["ada", "whole"]


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    (tmp_path / "work").mkdir()
    return Terminal("http://127.0.0.1:9", tmp_path / "config", tmp_path / "work")


@pytest.fixture
def scripted() -> Iterator[Callable[[Callable[[Asked], Said]], Scripted]]:
    made: list[Scripted] = []

    def make(answer: Callable[[Asked], Said]) -> Scripted:
        made.append(Scripted(answer))
        return made[-1]

    yield make
    for each in made:
        each.close()
