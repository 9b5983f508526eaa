"""Operations: what goes on after a command was accepted. Deployments have `capsule status`, which shows more."""

from typing import Annotated
from uuid import UUID

import typer

from cli.client import Json
from cli.declaration import command, subcommands
from cli.failures import ApiError, Failure, NotFound, UsageError
from cli.operation_events import PATHS, OperationEvents, operation_path
from cli.render import operations as render
from cli.session import Session

UNCHANGED_SECONDS = 30.0
"""An operation without an event is requested nevertheless."""

Id = Annotated[str, typer.Argument(metavar="ID", help="The operationId of the response, or its Location.")]


def declare(app: typer.Typer) -> None:
    group = subcommands(app, "operations", "See and follow what was started.")
    command(group, "show")(show)
    command(group, "follow")(follow)


def show(session: Session, id: Id) -> None:
    """Show an operation: its state, steps and outcome.

    Of a deployment or one-off command, a payment or refund, another e-mail address, a delivery, and all else that the API answers with 202.
    """
    context, view = _find(session, id)
    session.output.show(view, *render.operation(view))
    if view["state"] == render.RUNNING:
        session.output.next_step(f"capsule operations follow {operation_path(view['id'], context)}")


def follow(session: Session, id: Id) -> None:
    """Follow an operation to its end.

    Prints each change, and with --json the operation once it has ended. The exit code is 1 if it failed.
    """
    context, view = _find(session, id)
    with OperationEvents(session.api, view["id"], context) as events:
        printed = ""
        while True:
            if view["summary"] != printed:
                printed = view["summary"]
                session.output.note(printed)
            if view["state"] != render.RUNNING:
                break
            events.wait(UNCHANGED_SECONDS)
            view = session.api.get(operation_path(view["id"], context))
    session.output.show(view, *render.operation(view))
    if view["problem"] is not None:
        raise Failure(view["problem"]["title"], view["problem"]["detail"])


def _find(session: Session, text: str) -> tuple[str, Json]:
    """Return the context of an operation, and the operation. Raises NotFound, UsageError."""
    head, _, operation_id = text.rpartition("/")
    named = head.rpartition("/")[2]
    try:
        operation_id = str(UUID(operation_id))
    except ValueError:
        raise UsageError(f'"{text}" is no id of an operation', hint="It is `operationId` of a response 202, or its header Location.") from None
    for each in (named,) if named in PATHS else PATHS:
        try:
            return each, session.api.get(operation_path(operation_id, each))
        except ApiError as error:
            is_of_no_account = error.status == 403 and each == "auth"  # a service account
            if error.status != 404 and not is_of_no_account:
                raise
    raise NotFound(f'There is no operation "{text}"', "It may have ended long ago, or belong to somebody else.", hint="capsule status")
