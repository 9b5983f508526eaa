"""Dead letters, for administrators: messages that a function could not handle. List, show, replay, discard."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import prompts
from cli.client import Json
from cli.declaration import command, subcommands
from cli.failures import NotFound, UsageError
from cli.lookup import is_full_id, match_prefix
from cli.parameter_completion import CONTEXTS
from cli.render import dead_letters as render
from cli.session import Session

STATES = ("open", "replayed", "discarded")
LIMIT = 200
"""Letters of a context that are listed."""

Context = Annotated[str | None, typer.Option("--context", metavar="NAME", help="Only of this context: auth, billing, deploy or monitor.")]
Function = Annotated[str | None, typer.Option("--function", metavar="NAME", help="Only of this function, e.g. billing.on_usage_measured.")]
Error = Annotated[str | None, typer.Option("--error", metavar="NAME", help="Only with this error, as listed.")]
State = Annotated[str, typer.Option("--state", metavar="STATE", help="open, replayed or discarded.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids, or their beginnings. Without: all open ones of --function or --error.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Discard without a confirmation.")]
Payload = Annotated[Path | None, typer.Option("--payload", metavar="FILE", help="JSON that replaces the payload of a single letter; - reads stdin.")]


def declare_dead_letters(admin: typer.Typer) -> None:
    group = subcommands(admin, "dead-letters", "Messages no function could handle (admins).")
    command(group, "list")(list_letters)
    command(group, "show")(show)
    command(group, "replay")(replay)
    command(group, "discard")(discard)


def list_letters(session: Session, context: Context = None, function: Function = None, error: Error = None, state: State = "open") -> None:
    """List dead letters by cause, and one by one."""
    if state not in STATES:
        raise UsageError(f'"{state}" is no state of a dead letter', f"States: {', '.join(STATES)}.")
    found = _lists(session, _contexts(context, function), function=function, error=error, state=state)
    document = {name: [each for view in found.values() for each in view[name]] for name in ("causes", "letters")}
    session.output.show(document, *render.letters(document, state))
    if document["letters"] and state == "open":
        session.output.next_step("capsule admin dead-letters show ID", "capsule admin dead-letters replay --function NAME")


def show(session: Session, id: Id) -> None:
    """Show a dead letter: payload, error, history."""
    context, full_id = _find(session, id)
    letter = session.api.get(_path(context), id=full_id)["letters"][0]
    session.output.show(letter, *render.letter(letter))
    if letter["state"] == "open":
        session.output.next_step(f"capsule admin dead-letters replay {letter['id'][:13]}")


def replay(
    session: Session, ids: Ids = None, function: Function = None, error: Error = None, context: Context = None, payload: Payload = None
) -> None:
    """Send dead letters to their functions once more.

    A function that has handled a message before ignores it. Letters that fail again are listed again.
    """
    if payload is not None and len(ids or []) != 1:
        raise UsageError("A payload replaces that of one letter", hint="capsule admin dead-letters replay ID --payload FILE")
    body = {} if payload is None else {"payload": _read(payload)}
    settled = _settle(session, "replay", ids, function, error, context, body)
    session.output.show({"replayed": settled}, f"✓ Replayed {render.number(settled)}.")
    session.output.next_step("capsule admin dead-letters list")


def discard(session: Session, ids: Ids = None, function: Function = None, error: Error = None, context: Context = None, yes: Yes = False) -> None:
    """Give up dead letters: their effects never happen.

    They stay visible with --state discarded until their retention ends.
    """
    if not ids and (function or error):
        prompts.confirm("All open dead letters of it would be given up. Discard", str(function or error), yes=yes)
    settled = _settle(session, "discard", ids, function, error, context, {})
    session.output.show({"discarded": settled}, f"✓ Discarded {render.number(settled)}.")


def _settle(
    session: Session, action: str, ids: Sequence[str] | None, function: str | None, error: str | None, context: str | None, body: Mapping[str, Any]
) -> int:
    """Settle the selection in each context until none is left, and return how many were settled. Raises NotFound, UsageError."""
    if bool(ids) == bool(function or error):
        raise UsageError("Select dead letters by their ids, or by --function or --error", hint="capsule admin dead-letters list")
    settled = 0
    if ids:
        by_context: dict[str, list[str]] = {}
        for each in ids:
            found, full_id = _find(session, each)
            by_context.setdefault(found, []).append(full_id)
        for name, selected in by_context.items():
            settled += session.api.post(_path(name), {"action": action, "ids": selected, **body})["settled"]
        return settled
    selection = {name: value for name, value in (("function", function), ("error", error)) if value}
    for name, view in _lists(session, _contexts(context, function), state="open", **selection).items():
        rest = left = sum(each["count"] for each in view["causes"])
        while left and rest > 0:  # letters that die again meanwhile are not replayed for ever
            answer = session.api.post(_path(name), {"action": action, **selection})
            settled, rest, left = settled + answer["settled"], rest - answer["settled"], answer["left"]
    if not settled:
        raise NotFound("There is no open dead letter of this selection", hint="capsule admin dead-letters list")
    return settled


def _find(session: Session, text: str) -> tuple[str, str]:
    """Return the context and the id of a letter. Raises NotFound, UsageError."""
    if is_full_id(text):
        found = {name: session.api.get(_path(name), id=text)["letters"] for name in CONTEXTS}
        contexts = {each["id"]: name for name, letters in found.items() for each in letters}
    else:
        states = [_lists(session, CONTEXTS, state=state) for state in STATES]
        contexts = {each["id"]: name for lists in states for name, view in lists.items() for each in view["letters"]}
    full_id = match_prefix("dead letter", text, contexts)
    if full_id is None:
        raise NotFound(
            f'There is no dead letter "{text}"', "It was deleted after its retention, or never existed.", hint="capsule admin dead-letters list"
        )
    return contexts[full_id], full_id


def _lists(session: Session, contexts: Sequence[str], **selection: str | None) -> dict[str, Json]:
    return {name: session.api.get(_path(name), limit=LIMIT, **selection) for name in contexts}


def _contexts(context: str | None, function: str | None) -> Sequence[str]:
    """Return the contexts to look in: the option's, the function's, or all."""
    named = context or (function.partition(".")[0] if function and "." in function else None)
    if named is None:
        return CONTEXTS
    if named not in CONTEXTS:
        raise UsageError(f'There is no context "{named}"', f"Contexts: {', '.join(CONTEXTS)}.")
    return (named,)


def _path(context: str) -> str:
    return f"/v1/operations/{context}/dead-letters"


def _read(path: Path) -> Json:
    """Return the JSON object of a file, or of standard input. Raises UsageError."""
    try:
        document = json.loads(sys.stdin.read() if str(path) == "-" else path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as JSON", str(error)) from None
    if not isinstance(document, dict):
        raise UsageError(f"{path} holds no JSON object", 'A payload is an object, for example {"amount": 5}.')
    return document
