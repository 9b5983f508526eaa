"""`capsule env set --secret NAME` and `--file -`: values that no shell keeps in its history."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.credentials import Credentials, Login
from tests.cli.scripted import Request, Response, ScriptedServer, problem
from tests.cli.terminal import Terminal

ID = "01a20315-da05-70b5-a4cb-338095110690"
PEM = "-----BEGIN KEY-----\nline=two \n-----END KEY-----\n"
Change = dict[str, Any]


@pytest.fixture
def changes() -> list[Change]:
    return []


@pytest.fixture
def terminal(scripted: Callable[[Callable[[Request], Response]], ScriptedServer], changes: list[Change], tmp_path: Path) -> Terminal:
    def answer(request: Request) -> Response:
        if request.method == "PATCH":
            changes.append(request.body)
            return Response(202, {"version": 2, "deployments": []})
        return Response(200, {"id": ID, "name": "shop"}) if request.path == f"/v1/apps/{ID}" else problem(404, "not-found", "No.")

    server = scripted(answer)
    Credentials(tmp_path, server.url).store(Login("ada@example.org", "token", "refresh", 2**32))
    return Terminal(server.url, tmp_path, tmp_path)


def settings(terminal: Terminal, *arguments: str, stdin: str = "", code: int = 0) -> Any:
    return terminal.invoke("env", "set", "--no-deploy", "--app", ID, *arguments, stdin=stdin, code=code)


@pytest.mark.parametrize(
    ("stdin", "value"), [("s3cret\n", "s3cret"), ("s3cret", "s3cret"), ("s3cret\r\n", "s3cret"), (PEM, PEM.removesuffix("\n")), ("a=b\n\n", "a=b\n")]
)
def test_the_value_of_a_secret_is_all_of_standard_input(terminal: Terminal, changes: list[Change], stdin: str, value: str) -> None:
    result = settings(terminal, "--secret", "KEY", "OTHER=given", stdin=stdin)
    assert changes == [{"secrets": {"OTHER": "given", "KEY": value}, "deploy": False}]
    assert value not in result.out + result.err


def test_a_file_is_read_from_standard_input(terminal: Terminal, changes: list[Change]) -> None:
    settings(terminal, "--secret", "--file", "-", stdin="A=1\nB='two words'\n")
    assert changes == [{"secrets": {"A": "1", "B": "two words"}, "deploy": False}]


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (("--secret", "KEY"), "", "KEY has no value"),
        (("--secret", "KEY"), "\n", "KEY has no value"),
        (("--secret", "A", "B"), "1\n2\n", "Standard input holds the value of one secret"),
        (("--secret", "KEY", "--file", "-"), "A=1\n", "Standard input is the file"),
        (("KEY",), "1\n", '"KEY" is not NAME=VALUE'),
        (("--secret", "no-name"), "1\n", '"no-name" is not NAME=VALUE'),
        (("--file", "-"), "A\n", "standard input, line 1: A has no value"),
    ],
)
def test_what_is_no_value_changes_nothing(terminal: Terminal, changes: list[Change], arguments: tuple[str, ...], stdin: str, sentence: str) -> None:
    assert sentence in settings(terminal, *arguments, stdin=stdin, code=2).err
    assert changes == []
