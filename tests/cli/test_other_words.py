"""Words of Heroku, Fly.io and others lead to the commands of Capsule."""

import shlex

import pytest
from typer.core import TyperArgument, TyperCommand, TyperGroup
from typer.main import get_command

from cli.main import app
from cli.other_words import NOT_OFFERED, OPTIONS, OPTIONS_OF_WORDS, WORDS
from tests.cli.terminal import Terminal


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("destroy", "`capsule destroy` is `capsule apps delete` here."),
        ("delete hello --yes", "`capsule delete` is `capsule apps delete` here."),
        ("config:set A=1", "`capsule config:set` is `capsule env set NAME=VALUE` here."),
        ("secrets set A=1", "`capsule secrets set` is `capsule env set --secret NAME=VALUE` here."),
        ("secrets", "`capsule secrets` is `capsule env list` here."),
        ("launch", "`capsule launch` is `capsule apps create --link, then capsule deploy` here."),
        ("ps:scale web=2", "`capsule ps:scale web=2` is `capsule scale --max 2` here (`--min 2` keeps them running without requests)."),
        ("scale web=2", "`capsule scale web=2` is `capsule scale --max 2` here (`--min 2` keeps them running without requests)."),
        ("scale web=0", "`capsule scale web=0` is `capsule stop` here."),
        ("ps:scale worker=1", "`capsule ps:scale worker=1` is `capsule scale worker=1` here."),
        ("scale count 2", "`capsule scale count` is `capsule scale --max N` here."),
        ("releases:rollback v3", "`capsule releases:rollback` is `capsule rollback` here."),
        ("logs --tail", "`capsule logs --tail` is `capsule logs --follow` here."),
        ("logs --num=5", "`capsule logs --num` is `capsule logs --lines N` here."),
        ("apps destroy x", "`capsule apps destroy` is `capsule apps delete` here."),
        ("deploy main --app x", "`capsule deploy main` is `capsule deploy --ref main` here."),
        ("rollback --app x v12", "`capsule rollback v12` is `capsule rollback --release r12` here."),
        ("restart hello", "`capsule restart hello` is `capsule restart --app hello` here."),
        ("redis", "`capsule redis` is `capsule services create redis NAME` here."),
        ("redis:create cache", "`capsule redis:create` is `capsule services create redis NAME` here."),
        ("mysql", "Capsule creates PostgreSQL and Redis."),
    ],
)
def test_a_word_of_another_tool_is_explained_in_one_sentence(terminal: Terminal, typed: str, sentence: str) -> None:
    result = terminal.invoke(*shlex.split(typed), code=2)
    assert " ".join(result.err.split()).startswith(f"✗ {sentence}"), result.err
    assert result.out == ""


def test_with_json_the_sentence_is_a_document(terminal: Terminal) -> None:
    assert terminal.invoke("config:set", "--json", code=2).error["title"].endswith("`capsule env set NAME=VALUE` here.")


def test_the_arguments_of_a_one_off_command_are_its_own(terminal: Terminal) -> None:
    assert "capsule login" in terminal.invoke("run", "--app", "x", "python", "--size", code=3).err


COMMANDS = get_command(app)


def find(words: list[str]) -> TyperCommand | TyperGroup | None:
    command = COMMANDS
    for word in words:
        command = command.commands.get(word) if isinstance(command, TyperGroup) else None
    return command


def test_a_word_that_a_command_does_not_take_leads_to_an_option_that_exists() -> None:
    for name, option in OPTIONS_OF_WORDS.items():
        command = find([name])
        assert command is not None and option in {each for parameter in command.params for each in parameter.opts}, name
        assert not any(isinstance(parameter, TyperArgument) for parameter in command.params), name


def test_every_sentence_names_commands_and_options_that_exist() -> None:
    for typed, text in [*WORDS.items(), *OPTIONS.items()]:
        for sentence in text.split(", then "):
            words = sentence.removeprefix("capsule ").split()
            depth = 2 if isinstance(find(words[:1]), TyperGroup) else 1
            command = find(words[:depth])
            assert command is not None, (typed, sentence)
            options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
            assert {word for word in words[depth:] if word.startswith("-")} <= options, (typed, sentence)


def test_no_word_hides_a_command_or_an_option() -> None:
    assert not [typed for typed in (*WORDS, *NOT_OFFERED) if find(typed.split()[:2]) is not None]
    for command, option in OPTIONS:
        found = find([command])
        assert found is not None and option not in {name for each in found.params for name in each.opts}, (command, option)
