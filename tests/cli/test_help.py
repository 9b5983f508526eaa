"""Help: one short imperative line per command, panels, plain usage lines, visible defaults."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperCommand, TyperGroup

from cli.examples import EXAMPLES
from cli.main import RootGroup
from tests.cli.terminal import COMMAND, Terminal

GLOBAL = ("api", "as_json", "quiet", "verbose", "help")
FREE = frozenset(
    """
    ACTION ADDRESS AMOUNT APP[:ENV] ARGUMENT BACKUP BRANCH BUILDER CODE COMMAND CRON FIELD=VALUE,… FILE FOLDER GROUP
    ID KEY KIND LINE LINK MIB MILLIS N N:HASH NAME=VALUE PATH POLICY PORT QUEUE
    REFERENCE REPOSITORY REQUEST ROLE SCOPE SECONDS SIZE SNAPSHOT SQL STATE STATUS TEXT TIME URL VALUE ZONE
    """.split()  # noqa: SIM905
)
"""Values that only the caller knows, by their placeholder in the help, and those that the shell or Typer completes: files and choices."""
NEW = {
    ("account passkeys rename", "name"),
    ("apps create", "name"),
    ("apps rename", "name"),
    ("audit list", "action"),
    ("domains add", "host"),
    ("environments create", "name"),
    ("invoices pdf", "credit_note"),
    ("services restore", "into"),
    ("profile", "name"),
    ("service-accounts create", "name"),
    ("service-accounts create-token", "token"),
    ("services add", "name"),
    ("services create", "name"),
    ("services restore", "into"),
    ("teams create", "name"),
    ("teams invite", "email"),
    ("teams rename", "name"),
    ("token set", "user"),
    ("tokens create", "name"),
    ("volumes create", "name"),
    ("volumes restore", "into"),
}
"""Names that do not exist yet, or not in the API."""
MAX_SUMMARY_LENGTH = 50  # zsh shows completions with more in two lines
NOT_IMPERATIVE = re.compile(r"^(A|An|The|Your|One|What|Where|Which|Who|How|No longer|Be|Have)\b")


def walk(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], TyperCommand | TyperGroup]]:
    for name, command in sorted(group.commands.items()):
        yield (*path, name), command
        if isinstance(command, TyperGroup):
            yield from walk(command, (*path, name))


COMMANDS = dict(walk(COMMAND))
LEAVES = [path for path, command in COMMANDS.items() if not isinstance(command, TyperGroup)]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_summary_is_one_short_imperative_sentence(path: tuple[str, ...]) -> None:
    summary = COMMANDS[path].short_help or ""
    assert 0 < len(summary) <= MAX_SUMMARY_LENGTH and summary.endswith("."), summary
    assert not NOT_IMPERATIVE.match(summary), summary
    first_word = summary.split()[0].rstrip(",")
    assert first_word[0].isupper() and not first_word.endswith(("ing", "ed")), summary


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_help_has_plain_usage_and_the_global_options(terminal: Terminal, path: tuple[str, ...]) -> None:
    terminal.variables = {"COLUMNS": "80"}
    text = terminal.invoke(*path, "--help", code=0).out
    assert all(option in text for option in ("--json", "--quiet", "--api", "--verbose"))
    assert not re.search(r"<\w+>|\[\[|\{|\\", text), text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    "option", [("--json",), ("--quiet",), ("-q",), ("--verbose",), ("--api", "http://127.0.0.1:9"), ("--api=http://127.0.0.1:9",)]
)
def test_a_global_option_may_precede_the_command(terminal: Terminal, option: tuple[str, ...]) -> None:
    expected = terminal.invoke("apps", "list", *option, code=3)
    assert terminal.invoke(*option, "apps", "list", code=3) == expected
    assert terminal.invoke("apps", *option, "list", code=3) == expected


def test_options_of_the_program_that_run_starts_stay_its_own(terminal: Terminal) -> None:
    assert terminal.invoke("--json", "run", "--app", "x", "ls", "--json", code=3) == terminal.invoke(
        "run", "--json", "--app", "x", "ls", "--json", code=3
    )


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_an_id_or_name_that_exists_is_completed(path: tuple[str, ...]) -> None:
    """By its own function, or, in FREE, a value that only the caller knows."""
    own = [each for each in COMMANDS[path].params if each.name not in GLOBAL and not getattr(each, "is_flag", False)]
    free = {each.name for each in own if (each.metavar or each.name) in FREE or (" ".join(path), each.name) in NEW}
    faults = [each.metavar or each.name for each in own if each._custom_shell_complete is None and each.name not in free]
    assert not faults, f"{faults}: complete them in cli/completion.py, or say in FREE that only the caller knows them"


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_an_example_is_a_valid_command_line(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for file in (".env", "known_hosts", "audit.jsonl"):
        Path(file).touch()
    words = shlex.split(line.partition(" > ")[0])[1:]
    path = next(tuple(words[:length]) for length in (3, 2, 1) if tuple(words[:length]) in LEAVES)
    COMMANDS[path].make_context(path[-1], words[len(path) :])


def test_every_command_has_an_example_in_its_help(terminal: Terminal) -> None:
    assert set(EXAMPLES) == {" ".join(path) for path in LEAVES}
    assert all(line.startswith(f"capsule {name}") for name, lines in EXAMPLES.items() for line in lines)
    assert "$ capsule env set --file .env --all" in terminal.invoke("env", "set", "--help", code=0).out


def test_every_command_is_in_a_panel(terminal: Terminal) -> None:
    listed = [name for names in RootGroup.panels.values() for name in names]
    assert sorted(listed) == sorted(path[0] for path in COMMANDS if len(path) == 1)
    text = terminal.invoke("--help", code=0).out
    titles = re.findall(r"^╭─ ([A-Z][a-z ]+) ─", text, re.M)
    assert titles == ["Options", "Get started", "Run", "Private repositories", "Observe", "Billing", "Teams", "Account", "Administration"]
    assert re.findall(r"^│ ([a-z][a-z-]*) ", text, re.M) == listed
    assert "Exit codes: 0 success" in text


def test_usage_lines_follow_the_convention(terminal: Terminal) -> None:
    assert "capsule apps create [OPTIONS] [NAME] [REPOSITORY]" in terminal.invoke("apps", "create", "--help", code=0).out
    assert "capsule verify [OPTIONS] [LINK]" in terminal.invoke("verify", "--help", code=0).out
    assert "capsule env set [OPTIONS] [NAME=VALUE]..." in terminal.invoke("env", "set", "--help", code=0).out
    assert "capsule env unset [OPTIONS] NAME..." in terminal.invoke("env", "unset", "--help", code=0).out


def test_defaults_are_visible(terminal: Terminal) -> None:
    text = " ".join(terminal.invoke("deploy", "--help", code=0).out.replace("│", " ").split())
    assert "[default: staging]" in text and "[default: default branch]" in text and "[default: that of capsule.toml]" in text


def test_no_color_is_respected(terminal: Terminal) -> None:
    terminal.variables = {"NO_COLOR": "1", "FORCE_COLOR": "1"}
    result = terminal.run("plans", code=6)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", result.err)


@pytest.mark.parametrize("words", ["capsule ", "capsule subscription ", "capsule alert-rules "])
def test_zsh_shows_whole_summaries(terminal: Terminal, words: str) -> None:
    terminal.variables = {"_CAPSULE_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": words}
    text = terminal.run(code=None).out
    assert text and "..." not in text
