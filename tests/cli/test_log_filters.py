"""`capsule logs` with a filter that nothing matches: what does not exist is named."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cli.credentials import Credentials, Login
from tests.cli.scripted import Request, Response, ScriptedServer, problem
from tests.cli.terminal import Terminal

ID = "01a20315-da05-70b5-a4cb-338095110690"


@pytest.fixture
def terminal(scripted: Callable[[Callable[[Request], Response]], ScriptedServer], tmp_path: Path) -> Terminal:
    answers = {
        f"/v1/apps/{ID}": {"id": ID, "name": "shop"},
        f"/v2/apps/{ID}/logs": {"lines": [], "cursor": "0"},
        f"/v1/apps/{ID}/instances": {"items": [{"name": "staging", "processes": [{"name": "worker"}]}], "nextCursor": None},
        f"/v1/apps/{ID}/metrics": {"notMeasuredSince": None},
    }

    def answer(request: Request) -> Response:
        found = answers.get(request.path.partition("?")[0])
        return problem(404, "not-found", "No.") if found is None else Response(200, found)

    server = scripted(answer)
    Credentials(tmp_path, server.url).store(Login("ada@example.org", "token", "refresh", 2**32))
    return Terminal(server.url, tmp_path, tmp_path)


def test_a_process_type_that_does_not_exist_is_named_with_those_that_do(terminal: Terminal) -> None:
    result = terminal.invoke("logs", "--app", ID, "--process", "worcer", code=4)
    assert 'shop has no process type "worcer"' in result.err and "worker, web, release, run, cron, build" in result.err


@pytest.mark.parametrize("process", ["worker", "web", "cron"])
def test_one_that_has_written_nothing_is_no_error(terminal: Terminal, process: str) -> None:
    assert "No log lines match" in terminal.invoke("logs", "--app", ID, "--process", process, code=0).err
