"""How a command is declared: a function whose first parameter is a `Session`. Every command gets `--json`, `--quiet`, `--api` and
`--verbose`."""

import functools
import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Annotated, Any

import typer

from cli.failures import ExitCode, Failure
from cli.help import CapsuleCommand, CapsuleGroup
from cli.output import Output
from cli.parameter_completion import completed
from cli.session import Session

PANEL = "Global options"
Api = Annotated[
    str | None, typer.Option("--api", metavar="ADDRESS", help="Address of the API (or set CAPSULE_API).", show_envvar=False, rich_help_panel=PANEL)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.", rich_help_panel=PANEL)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the result and errors only.", rich_help_panel=PANEL)]
Verbose = Annotated[bool, typer.Option("--verbose", help="Print request ids with errors.", rich_help_panel=PANEL)]
GLOBAL_OPTIONS = [
    Parameter("api", Parameter.KEYWORD_ONLY, default=None, annotation=Api),
    Parameter("as_json", Parameter.KEYWORD_ONLY, default=False, annotation=AsJson),
    Parameter("quiet", Parameter.KEYWORD_ONLY, default=False, annotation=Quiet),
    Parameter("verbose", Parameter.KEYWORD_ONLY, default=False, annotation=Verbose),
]


def command(group: typer.Typer, name: str, context_settings: dict[str, Any] | None = None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a command. Its docstring is the help; the first line is also the summary in lists and completions."""

    def declare(function: Callable[..., None]) -> Callable[..., None]:
        session, *own_parameters = inspect.signature(function, eval_str=True).parameters.values()
        if session.annotation is not Session:
            raise TypeError(f"{function.__name__}: the first parameter of a command is its Session")

        @functools.wraps(function)
        def run(*, api: str | None, as_json: bool, quiet: bool, verbose: bool, **arguments: Any) -> None:
            output = Output(as_json, verbose, is_quiet=quiet)
            raise typer.Exit(int(exit_code_of(output, lambda: function(Session.open(api, output), **arguments))))

        words = f"{group.info.name} {name}" if isinstance(group.info.name, str) else name
        parameters = [
            parameter.replace(kind=Parameter.KEYWORD_ONLY, annotation=completed(words, parameter.name, parameter.annotation))
            for parameter in own_parameters
        ] + GLOBAL_OPTIONS
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        del run.__wrapped__  # otherwise Typer reads the signature of the wrapped function
        summary = inspect.getdoc(function) or ""
        group.command(name, cls=CapsuleCommand, context_settings=context_settings, short_help=summary.partition("\n")[0])(run)
        return function

    return declare


def subcommands(app: typer.Typer, name: str, summary: str) -> typer.Typer:
    """Register a group of commands, such as `capsule apps`. A second call with the same name returns the same group."""
    for known in app.registered_groups:
        if known.name == name and known.typer_instance is not None:
            return known.typer_instance
    group = typer.Typer(name=name, no_args_is_help=True, help=summary, short_help=summary, cls=CapsuleGroup)
    app.add_typer(group, name=name)
    return group


def exit_code_of(output: Output, work: Callable[[], None]) -> ExitCode:
    """Run a command's function; print its failure and return the exit code."""
    try:
        work()
    except Failure as failure:
        output.fail(failure)
        return failure.exit_code
    except (KeyboardInterrupt, typer.Abort):
        output.note("Interrupted.")
        return ExitCode.INTERRUPTED
    return ExitCode.OK
