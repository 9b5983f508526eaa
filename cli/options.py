"""Options that several commands share."""

import contextlib
import os
from pathlib import Path
from typing import Annotated

import typer

from cli.client import Client
from cli.failures import Failure
from cli.output import Output
from cli.session import Given, Session
from cli.settings import read


def application_names(incomplete: str) -> list[str]:
    """For the shell's completion: quick or not at all, and it says nothing."""
    with contextlib.suppress(Failure):
        session = Session(read(None, os.environ, Path.cwd()), Output(True))
        token = session.settings.token or (login.access_token if (login := session.credentials.login()) else None)
        if token:
            listed = Client(session.settings.api, Given(token), attempts=1).get("/v1/apps", limit=100)
            return [each["name"] for each in listed["items"] if each["name"].startswith(incomplete)]
    return []


App = Annotated[
    str | None,
    typer.Option("--app", "-a", metavar="NAME", help="The application, by name or id; else that of capsule.toml.", autocompletion=application_names),
]
Named = Annotated[
    str | None,
    typer.Argument(metavar="[APP]", help="The application, by name or id; else that of capsule.toml.", autocompletion=application_names),
]
Env = Annotated[
    str | None,
    typer.Option("--env", "-e", metavar="NAME", help="The environment. [default: staging]", autocompletion=lambda: ["staging", "production"]),
]
