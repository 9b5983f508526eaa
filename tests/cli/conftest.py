"""Fixtures: `terminal` has no API to connect to, `scripted` starts a server with scripted responses, `whole` is a complete Capsule."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.scripted import Request, Response, ScriptedServer
from tests.cli.terminal import Terminal
from tests.journeys.conftest import ada, whole

__all__ = ["ada", "whole"]


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    (tmp_path / "work").mkdir()
    return Terminal("http://127.0.0.1:9", tmp_path / "config", tmp_path / "work")


@pytest.fixture
def scripted() -> Iterator[Callable[[Callable[[Request], Response]], ScriptedServer]]:
    servers: list[ScriptedServer] = []

    def start(respond: Callable[[Request], Response]) -> ScriptedServer:
        servers.append(ScriptedServer(respond))
        return servers[-1]

    yield start
    for each in servers:
        each.close()
