"""Usage errors, exit codes and completion, without an API."""

import json
import re

import pytest

from knative.machine.home import PROJECT
from tests.cli.terminal import Terminal

ROUTE = re.compile(r'"(/v1/[^"]*)"')


@pytest.mark.parametrize("arguments", [("nonsense",), ("deploy", "--nonsense"), ("apps", "update", "hello", "extra"), ("logs", "-n", "many")])
def test_a_wrong_command_line_ends_with_2(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    assert terminal.invoke(*arguments, code=2).err


@pytest.mark.parametrize("arguments", [("whoami",), ("apps", "list"), ("deploy", "--app", "hello"), ("bill",), ("logs", "-f", "--app", "hello")])
def test_commands_that_need_an_account_name_the_login_command(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    assert "capsule login" in terminal.invoke(*arguments, code=3).err


def test_an_unreachable_api_ends_with_6_and_is_named(terminal: Terminal) -> None:
    terminal.variables = {"CAPSULE_TOKEN": "t"}
    assert "Cannot connect to http://127.0.0.1:9: connection refused" in terminal.invoke("whoami", code=6).err
    assert "Cannot connect to http://127.0.0.1:8" in terminal.invoke("whoami", "--api", "127.0.0.1:8", code=6).err


def test_with_json_an_error_is_a_document_on_standard_error(terminal: Terminal) -> None:
    result = terminal.invoke("apps", "list", "--json", code=3)
    assert result.out == "" and result.error["exitCode"] == 3 and result.error["hint"] == "capsule login"


def test_without_an_application_the_ways_to_select_one_are_named(terminal: Terminal) -> None:
    terminal.variables = {"CAPSULE_TOKEN": "t"}
    error = terminal.invoke("status", code=2).err
    assert "No application selected" in error and "--app NAME" in error and "capsule link NAME" in error


@pytest.mark.parametrize("verb", ["show", "update", "delete"])
def test_the_application_is_an_argument_or_an_option(terminal: Terminal, verb: str) -> None:
    terminal.variables = {"CAPSULE_TOKEN": "t"}
    change = ("--branch", "main") if verb == "update" else ()
    error = terminal.invoke("apps", verb, "hello", "--app", "shop", *change, code=2).err
    assert "hello and --app shop are two applications" in error
    for name in (("hello",), ("--app", "hello"), ("-a", "hello"), ("hello", "--app", "hello")):
        assert "Cannot connect" in terminal.invoke("apps", verb, *name, *change, code=6).err


def test_without_a_terminal_there_is_no_prompt(terminal: Terminal) -> None:
    assert "--password-stdin" in terminal.invoke("login", "--email", "ada@example.org", code=2).err
    assert "--email ADDRESS" in terminal.invoke("login", code=2).err


def test_the_shell_completes_commands(terminal: Terminal) -> None:
    terminal.variables = {"_CAPSULE_COMPLETE": "complete_bash", "COMP_WORDS": "capsule de", "COMP_CWORD": "1"}
    assert {"deploy"} <= set(terminal.run(code=None).out.split())


def test_completion_is_empty_and_silent_without_an_api(terminal: Terminal) -> None:
    terminal.variables = {"_CAPSULE_COMPLETE": "complete_bash", "COMP_WORDS": "capsule status --app h", "COMP_CWORD": "3", "CAPSULE_TOKEN": "t"}
    result = terminal.run(code=None)
    assert result.out.strip() == "" and result.err == ""


def test_all_paths_in_the_sources_are_routes_of_the_api() -> None:
    """Compares paths with those of schemas/openapi.yaml, ignoring the names of parameters."""
    known = {re.sub(r"\{[^}]*\}", "*", line.strip(" :\n")) for line in (PROJECT / "schemas/openapi.yaml").open() if line.startswith("  /")}
    used = set()
    for path in sorted((PROJECT / "cli").rglob("*.py")):
        used |= {re.sub(r"\{[^}]*\}", "*", re.sub(r"\{[^}]*\([^)]*\)[^}]*\}", "*", found)) for found in ROUTE.findall(path.read_text())}
    unknown = {path for path in used - known if not any(re.fullmatch(path.replace("*", "[^/]+"), each) for each in known)}  # * may be a context
    assert used and not unknown, unknown


def test_json_prints_one_document_for_an_error(terminal: Terminal) -> None:
    terminal.variables = {"CAPSULE_TOKEN": "t"}
    assert set(json.loads(terminal.invoke("whoami", "--json", code=6).err)) == {"title", "detail", "hint", "exitCode"}
