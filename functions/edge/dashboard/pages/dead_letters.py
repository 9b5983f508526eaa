"""Dead letters: messages that a function could not handle. Administrators inspect, replay and discard them."""

from typing import Any

import orjson
from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem, Json
from functions.edge.dashboard.pages.forms import submit
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit, gather

LISTS = {"auth": "auth.dead_letters", "billing": "billing.dead_letters", "deploy": "deploy.dead_letters", "monitor": "monitor.dead_letters"}
SETTLES = {
    "auth": "auth.settle_dead_letters",
    "billing": "billing.settle_dead_letters",
    "deploy": "deploy.settle_dead_letters",
    "monitor": "monitor.settle_dead_letters",
}
"""Context → its function."""
STATES = ("open", "replayed", "discarded")
DONE = {"replay": "replayed", "discard": "discarded"}
LETTERS = "/operations/dead-letters"
SHOWN = 100
NO_CONTEXT = ApiProblem(404, "There is no such context", f"Contexts: {', '.join(LISTS)}.")


async def index(visit: Visit) -> Response:
    return await _index(visit)


async def _index(visit: Visit, problem: ApiProblem | None = None) -> Response:
    """Letters of all contexts, or of one cause, the oldest first."""
    state = visit.query("state") if visit.query("state") in STATES else "open"
    cause = {name: visit.query(name) for name in ("function", "error") if visit.query(name)}
    found = await gather(*(visit.call(name, state=state, limit=str(SHOWN), **cause) for name in LISTS.values()))
    causes, letters = [], []
    for context, view in zip(LISTS, found, strict=True):
        causes += [{**each, "context": context} for each in view["causes"]]
        letters += [{**each, "context": context} for each in view["letters"]]
    return visit.render(
        "operations/dead_letters.html",
        problem.status if problem else 200,
        causes=sorted(causes, key=lambda each: -each["count"]),
        letters=sorted(letters, key=lambda each: each["diedAt"])[:SHOWN],
        shown=SHOWN,
        state=state,
        states=STATES,
        cause=cause,
        problem=problem,
    )


async def show(visit: Visit) -> Response:
    return await _letter(visit)


async def _letter(visit: Visit, problem: ApiProblem | None = None) -> Response:
    context = _context(visit)
    letters = (await visit.call(LISTS[context], id=visit.path_value("letter")))["letters"]
    if not letters:
        raise ApiProblem(404, "There is no such dead letter", "It was deleted after its retention, or never existed.")
    letter = letters[0]
    payload = orjson.dumps(letter["payload"], option=orjson.OPT_INDENT_2).decode()
    edited = (await visit.form()).get("payload") if problem else None
    return visit.render(
        "operations/dead_letter.html",
        problem.status if problem else 200,
        context=context,
        letter=letter,
        payload=payload,
        edited=edited or payload,
        is_object=isinstance(letter["payload"], dict),
        problem=problem,
    )


def _context(visit: Visit) -> str:
    context = visit.path_value("context")
    if context not in LISTS:
        raise NO_CONTEXT
    return context


async def settle(visit: Visit) -> Response:
    """Replay or discard one letter; a replay may have another payload."""
    form, context, letter = await visit.form(), _context(visit), visit.path_value("letter")
    action = form.get("action", "")
    fields: Json = {"action": action, "ids": [letter]}
    if "payload" in form and action == "replay":
        payload = _parse_object(form["payload"])
        if payload is None:
            return await _letter(visit, ApiProblem(422, "The payload is not valid", "Enter a JSON object."))
        fields["payload"] = payload
    return await submit(visit, _letter, f"{LETTERS}/{context}/{letter}", DONE.get(action, ""), SETTLES[context], **fields)


def _parse_object(text: str) -> dict[str, Any] | None:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


async def settle_cause(visit: Visit) -> Response:
    """Replay or discard all open letters of a function with the same error."""
    form, context = await visit.form(), _context(visit)
    action = form.get("action", "")
    fields = {"action": action, "function": form.get("function", ""), "error": form.get("error", "")}
    return await submit(visit, _index, LETTERS, DONE.get(action, ""), SETTLES[context], **fields)


PAGES = (
    Page("GET", LETTERS, index),
    Page("POST", "/operations/dead-letters/{context}", settle_cause),
    Page("GET", "/operations/dead-letters/{context}/{letter}", show),
    Page("POST", "/operations/dead-letters/{context}/{letter}", settle),
)
