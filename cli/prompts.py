"""Questions to a person. Without a terminal each names the option that answers it instead."""

import sys
from collections.abc import Sequence

import typer

from cli.failures import UsageError
from cli.output import Output


def ask_email(option: str | None) -> str:
    if option:
        return option
    _require_terminal("--email ADDRESS")
    return str(typer.prompt("E-mail", err=True))


def ask_password(*, from_stdin: bool, confirm: bool, label: str = "Password") -> str:
    """Return the password from the first line of standard input, or from a prompt that does not echo it."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    _require_terminal("--password-stdin")
    return str(typer.prompt(label, hide_input=True, confirmation_prompt=confirm, err=True))


def ask_code(*, from_stdin: bool) -> str:
    """Return a code of the second factor, or a recovery code, from the next line of standard input or from a prompt."""
    if from_stdin:
        return sys.stdin.readline().strip()
    _require_terminal("--password-stdin, with the code in the second line")
    return str(typer.prompt("Code of your authenticator application, or a recovery code", err=True)).strip()


def require_terminal_for_login(email: str | None, password_stdin: bool) -> None:
    """Raises UsageError if the address or the password would have to be asked for and there is no terminal."""
    if not (email and password_stdin):
        _require_terminal("--device to confirm the sign-in in a browser, or --email ADDRESS --password-stdin")


def ask_token(*, from_stdin: bool) -> str:
    """Return an access token from the first line of standard input, or from a prompt that does not echo it. It is never an argument."""
    if from_stdin:
        return sys.stdin.readline().strip()
    _require_terminal("--token-stdin")
    return str(typer.prompt("Token", hide_input=True, err=True)).strip()


def ask_service_url(*, from_stdin: bool) -> str:
    """Return the URL of a server from the first line of standard input, or from a prompt that does not echo it: it contains a password."""
    if from_stdin:
        return sys.stdin.readline().strip()
    _require_terminal("--url-stdin")
    return str(typer.prompt("URL", hide_input=True, err=True)).strip()


def ask_secrets(names: Sequence[str]) -> dict[str, str]:
    """Return a value for each variable, from prompts that do not echo it, or of one variable all of standard input without its last line break.

    Raises:
        UsageError: there is no terminal, and standard input is empty or there are several names.
    """
    if sys.stdin.isatty():
        return {name: str(typer.prompt(name, hide_input=True, err=True)) for name in names}
    if len(names) > 1:
        raise UsageError("Standard input holds the value of one secret", hint="One command for each, or NAME=VALUE lines: --secret --file -")
    values = {name: sys.stdin.read().removesuffix("\n").removesuffix("\r") for name in names}
    if empty := [name for name, value in values.items() if not value]:
        raise UsageError(f"{empty[0]} has no value", hint=f"Write it to standard input. An empty value: {empty[0]}=")
    return values


def confirm(action: str, name: str, *, yes: bool) -> None:
    """Ask a person to type the name of what is changed.

    Raises:
        UsageError: the name differs, or there is no terminal and no `--yes`.
    """
    if yes:
        return
    _require_terminal("--yes")
    if typer.prompt(f'{action} it? Type "{name}" to confirm', err=True) != name:
        raise UsageError("The names differ; nothing was changed", hint="Try again, or pass --yes.")


def confirm_deletion(name: str, *, yes: bool) -> None:
    """Ask a person to type the name of what is deleted.

    Raises:
        UsageError: the name differs, or there is no terminal and no `--yes`.
    """
    if yes:
        return
    _require_terminal("--yes")
    if typer.prompt(f'Type "{name}" to confirm', err=True) != name:
        raise UsageError("The names differ; nothing was deleted", hint="Try again, or pass --yes.")


def offer(default: str, output: Output, *, hint: str) -> None:
    """Ask whether to use a default. Without a terminal it is used, and named.

    Raises:
        UsageError: the person declines.
    """
    if not sys.stdin.isatty() or output.as_json:
        output.note(f"Using {default}.")
    elif not typer.confirm(f"Use {default}?", default=True, err=True):
        raise UsageError("Nothing was created", hint=hint)


def _require_terminal(option: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("Not a terminal", f"pass {option}")
