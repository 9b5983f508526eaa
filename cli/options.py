"""Options and arguments that several commands share."""

import re
from typing import Annotated

import typer

from cli import completion
from cli.failures import UsageError
from cli.help import default

SELECTED = default("that of capsule.toml")

App = Annotated[
    str | None,
    typer.Option("--app", "-a", metavar="NAME", help=f"Application, by name or id. {SELECTED}", autocompletion=completion.application_names),
]
AppArgument = Annotated[
    str | None,
    typer.Argument(metavar="APP", help=f"Application, by name or id. {SELECTED}", autocompletion=completion.application_names),
]
"""For commands that take the application as an argument; `--app` names it too, see `one_application`."""
Env = Annotated[
    str | None,
    typer.Option("--env", "-e", metavar="NAME", help=f"Environment. {default('staging')}", autocompletion=completion.environment_names),
]
EnvFilter = Annotated[
    str | None,
    typer.Option("--env", "-e", metavar="NAME", help=f"Environment. {default('all')}", autocompletion=completion.environment_names),
]
Release = Annotated[
    str | None,
    typer.Option("--release", metavar="rN", help="Release, as `capsule releases` lists it.", autocompletion=completion.release_names),
]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Return at once; do not wait for the result.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return as soon as the release serves; do not wait for the end of its observation.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Delete without a confirmation.")]
Email = Annotated[str | None, typer.Option("--email", metavar="ADDRESS", help="Your e-mail address. Prompted for if omitted.")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
PaymentMethod = Annotated[
    str | None,
    typer.Option("--payment-method", metavar="ID", help=f"Payment method at the provider (pm_…). {default('the one charged last')}"),
]


def parse_release(text: str | None) -> int | None:
    """Return the number of a release from `r3` or `3`.

    Raises:
        UsageError: it is neither.
    """
    if text is None:
        return None
    match = re.fullmatch(r"r?([1-9]\d*)", text)
    if match is None:
        raise UsageError(f'"{text}" is not a release', hint="Use rN, such as r3: capsule releases")
    return int(match[1])


def one_application(argument: str | None, option: str | None) -> str | None:
    """Return the application that a command names, as its argument or with --app. Raises UsageError for two."""
    if argument and option and argument != option:
        raise UsageError(f"{argument} and --app {option} are two applications", hint="Name one of them.")
    return argument or option
