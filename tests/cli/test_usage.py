"""What can be said wrongly, or asked without an API: usage, help, completion, exit codes."""

import json
import re

import pytest

from knative.machine.home import PROJECT
from tests.cli.terminal import Terminal

ROUTE = re.compile(r'"(/v1/[^"]*)"')


@pytest.mark.parametrize("words", [("nonsense",), ("deploy", "--nonsense"), ("apps", "create", "hello"), ("logs", "-n", "many")])
def test_a_wrong_command_line_is_2(terminal: Terminal, words: tuple[str, ...]) -> None:
    assert terminal.type(*words, code=2).err


@pytest.mark.parametrize("words", [("whoami",), ("apps", "list"), ("deploy", "--app", "hello"), ("invoice",), ("logs", "-f", "--app", "hello")])
def test_what_needs_an_account_says_how_to_sign_in(terminal: Terminal, words: tuple[str, ...]) -> None:
    assert "capsule login" in terminal.type(*words, code=3).err


def test_an_api_that_is_not_there_is_6_and_named(terminal: Terminal) -> None:
    terminal.more = {"CAPSULE_TOKEN": "t"}
    assert "http://127.0.0.1:9 does not answer" in terminal.type("whoami", code=6).err
    assert "http://127.0.0.1:8 does not answer" in terminal.type("whoami", "--api", "127.0.0.1:8", code=6).err


def test_a_script_reads_errors_as_json_and_nothing_on_standard_output(terminal: Terminal) -> None:
    done = terminal.type("apps", "list", "--json", code=3)
    assert done.out == "" and done.error["exitCode"] == 3 and done.error["hint"] == "capsule login"


def test_without_an_application_it_asks_which(terminal: Terminal) -> None:
    terminal.more = {"CAPSULE_TOKEN": "t"}
    assert "capsule.toml" in terminal.type("status", code=2).err


def test_nobody_is_asked_for_a_password_where_nobody_is(terminal: Terminal) -> None:
    assert "--password-stdin" in terminal.type("login", "--email", "ada@example.org", code=2).err


def test_the_shell_completes_commands(terminal: Terminal) -> None:
    terminal.more = {"_CAPSULE_COMPLETE": "complete_bash", "COMP_WORDS": "capsule de", "COMP_CWORD": "1"}
    assert {"deploy", "delete"} <= set(terminal.run(code=None).out.split())


def test_completion_of_names_says_nothing_where_there_is_no_api(terminal: Terminal) -> None:
    terminal.more = {"_CAPSULE_COMPLETE": "complete_bash", "COMP_WORDS": "capsule status --app h", "COMP_CWORD": "3", "CAPSULE_TOKEN": "t"}
    done = terminal.run(code=None)
    assert done.out.strip() == "" and done.err == ""


def test_every_command_says_what_it_does_and_takes_json(terminal: Terminal) -> None:
    said = terminal.type("--help", code=0).out
    names = re.findall(r"^│ ([a-z-]+) ", said, re.M)
    assert {"login", "deploy", "logs", "invoice"} <= set(names)
    help = terminal.type("deploy", "--help", code=0).out
    assert "--json" in help and "--api" in help


def test_the_command_asks_only_for_routes_that_there_are() -> None:
    """Each path in the sources is one of schemas/openapi.yaml, whatever stands for its parameters."""
    known = {re.sub(r"\{[^}]*\}", "*", line.strip(" :\n")) for line in (PROJECT / "schemas/openapi.yaml").open() if line.startswith("  /")}
    asked = set()
    for path in sorted((PROJECT / "cli").rglob("*.py")):
        asked |= {re.sub(r"\{[^}]*\}", "*", re.sub(r"\{[^}]*\([^)]*\)[^}]*\}", "*", found)) for found in ROUTE.findall(path.read_text())}
    assert asked and asked <= known, asked - known


def test_json_on_errors_is_one_document(terminal: Terminal) -> None:
    terminal.more = {"CAPSULE_TOKEN": "t"}
    assert set(json.loads(terminal.type("whoami", "--json", code=6).err)) == {"title", "detail", "hint", "exitCode"}
