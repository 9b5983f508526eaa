"""The options of an application's settings, which `apps create` and `apps update` share."""

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from inspect import Parameter
from typing import Annotated, Any

import typer

from cli.client import Json
from cli.failures import UsageError

PANEL = "Settings"


class Builder(StrEnum):
    AUTO = "auto"
    NATIVE = "native"
    DOCKERFILE = "dockerfile"
    BUILDPACK = "buildpack"


def _option(flag: str, metavar: str, help: str) -> Any:
    return Annotated[str | None, typer.Option(flag, metavar=metavar, help=help, rich_help_panel=PANEL)]


OPTIONS = {
    "branch": _option("--branch", "BRANCH", "Deploy this branch if no --ref is given."),
    "directory": _option("--directory", "FOLDER", "Folder of the application in the repository."),
    "builder": Annotated[
        Builder | None,
        typer.Option("--builder", metavar="BUILDER", help="auto, native, dockerfile or buildpack.", rich_help_panel=PANEL),
    ],
    "build_command": _option("--build-command", "COMMAND", "Build with this command."),
    "start_command": _option("--start-command", "COMMAND", "Start with this command instead of the Procfile's web line."),
    "release_command": _option("--release-command", "COMMAND", "Run this before a release takes traffic."),
    "health_path": _option("--health-path", "PATH", "Path that answers 2xx or 3xx when an instance is healthy."),
    "waking_page": Annotated[
        bool | None,
        typer.Option("--waking-page/--no-waking-page", help="Show browsers a page while it starts from zero.", rich_help_panel=PANEL),
    ],
    "port": _option("--port", "PORT", "Port that it listens on, if it does not read $PORT."),
}
PARAMETERS = [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation) for name, annotation in OPTIONS.items()]


@dataclass(frozen=True)
class AppSettings:
    """Values of the options; None: the option was not used."""

    values: dict[str, str | bool | None]

    def changes(self) -> Json:
        """Return the fields of a request. An empty value is null, which clears a setting. Raises UsageError for a port that is no number."""
        return {_camel_case(name): _read(name, value) for name, value in self.values.items() if value is not None}


def settings_options(function: Callable[..., None]) -> Callable[..., None]:
    """Replace the parameter `settings` of a command by one option for each setting."""

    @functools.wraps(function)
    def run(*arguments: Any, **named: Any) -> None:
        settings = AppSettings({name: named.pop(name) for name in OPTIONS})
        function(*arguments, **named, settings=settings)

    own = [each for each in inspect.signature(function, eval_str=True).parameters.values() if each.name != "settings"]
    run.__signature__ = inspect.Signature(own + PARAMETERS)  # type: ignore[attr-defined]
    return run


def _read(name: str, value: str | bool) -> str | int | bool | None:
    if isinstance(value, bool):
        return value
    if name != "port" or not value:
        return value or None
    if not re.fullmatch(r"[0-9]{1,5}", value):
        raise UsageError(f'--port "{value}" is not a number. Use the port that the application listens on, such as 3000, or "" to clear it.')
    return int(value)


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.title() for each in others)
