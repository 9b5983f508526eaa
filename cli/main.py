"""Puts the commands together: `capsule COMMAND`, its help and its completion."""

import importlib.metadata
from typing import Annotated

import typer

from cli.commands import account, alerts, apps, billing, deploy, environments, observe, releases

EXITS = "Exit codes: 0 done · 1 failed · 2 usage · 3 not signed in · 4 not found · 5 refused · 6 unavailable · 130 interrupted"

app = typer.Typer(
    name="capsule",
    help="Hand it a git repository, get a running, observed, billed application.",
    epilog=EXITS,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

for topic in (account, apps, deploy, environments, releases, observe, alerts, billing):
    topic.declare(app)


def _version(asked: bool) -> None:
    if asked:
        print(f"capsule {importlib.metadata.version('capsule')}")
        raise typer.Exit


@app.callback()
def capsule(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")] = False) -> None:
    """Hand it a git repository, get a running, observed, billed application."""


def main() -> None:
    app(prog_name="capsule")
