"""How a command is declared: a function of a `Session` and its own options. Every one gets `--json` and `--api`, and ends with an exit code."""

import functools
import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Annotated, Any

import typer

from cli.failures import Exit, Failure
from cli.output import Output
from cli.session import Session

Api = Annotated[str | None, typer.Option("--api", metavar="ADDRESS", help="The API's address.", show_envvar=False, rich_help_panel="Everywhere")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output, for scripts.", rich_help_panel="Everywhere")]
COMMON = [
    Parameter("api", Parameter.KEYWORD_ONLY, default=None, annotation=Api),
    Parameter("as_json", Parameter.KEYWORD_ONLY, default=False, annotation=AsJson),
]


def command(group: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The function's docstring is the help."""

    def declare(function: Callable[..., None]) -> Callable[..., None]:
        session, *own = inspect.signature(function, eval_str=True).parameters.values()
        if session.annotation is not Session:
            raise TypeError(f"{function.__name__}: the first parameter of a command is its Session")

        @functools.wraps(function)
        def run(*, api: str | None, as_json: bool, **asked: Any) -> None:
            output = Output(as_json)
            raise typer.Exit(int(ended(output, lambda: function(Session.open(api, output), **asked))))

        parameters = [parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in own] + COMMON
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        del run.__wrapped__  # else the inner signature shows through
        group.command(name)(run)
        return function

    return declare


def ended(output: Output, work: Callable[[], None]) -> Exit:
    try:
        work()
    except Failure as failure:
        output.fail(failure)
        return failure.exit
    except (KeyboardInterrupt, typer.Abort):
        output.note("interrupted")
        return Exit.INTERRUPTED
    return Exit.DONE
