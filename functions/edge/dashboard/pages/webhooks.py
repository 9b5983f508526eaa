"""Webhooks of a team: list, add, change, test and delete them; their deliveries; a new secret."""

from typing import Any

import orjson
from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.forms import submit
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.pages.team_choice import TeamChoice
from functions.edge.dashboard.visit import ALL_TEAMS, Form, Visit, gather
from functions.kernel import Permission

WEBHOOKS = "/webhooks"
ALL_TYPES = "*"
TYPE = "type-"
"""Before the event type in the name of its checkbox."""
STATES = ("pending", "delivered", "failed")
DELIVERIES = "25"


async def index(visit: Visit) -> Response:
    return await _index(visit)


async def _index(visit: Visit, problem: ApiProblem | None = None) -> Response:
    """The webhooks of the chosen team, else of the personal one."""
    team_id = visit.team_id or visit.user_id
    permissions, types = await gather(visit.call("auth.permissions"), visit.call("monitor.webhook_event_types"))
    choice = TeamChoice.of(visit, permissions)
    if visit.team_id and not choice.chosen:
        return visit.redirect(WEBHOOKS, team=ALL_TEAMS)
    team = choice.chosen or choice.personal
    may_manage = Permission.WEBHOOKS_MANAGE in team["permissions"]
    webhooks = await visit.call("monitor.webhooks", teamId=team_id) if may_manage else {"items": []}
    return visit.render(
        "webhooks/index.html",
        problem.status if problem else 200,
        choice=choice,
        team=team,
        may_manage=may_manage,
        webhooks=webhooks["items"],
        types=types["items"],
        values=await visit.form() if problem else {},
        problem=problem,
    )


async def create(visit: Visit) -> Response:
    """The signing secret is shown once, on the page of the new webhook."""
    form = await visit.form()
    fields = {"url": form.get("url", ""), "eventTypes": _types(form), "description": form.get("description", "")}
    try:
        created = await visit.call("monitor.create_webhook", teamId=visit.team_id or visit.user_id, **fields)
    except ApiProblem as problem:
        if problem.status == 401:
            raise
        return await _index(visit, problem)
    return await _page(visit, created["id"], secret=created["secret"], is_new=True)


def _types(form: Form) -> list[str]:
    """The chosen event types; none chosen means all."""
    return [name.removeprefix(TYPE) for name in form if name.startswith(TYPE)] or [ALL_TYPES]


async def show(visit: Visit) -> Response:
    return await _show(visit)


async def _show(visit: Visit, problem: ApiProblem | None = None) -> Response:
    return await _page(visit, visit.path_value("webhook"), problem)


async def _page(visit: Visit, webhook_id: str, problem: ApiProblem | None = None, *, secret: str = "", is_new: bool = False) -> Response:
    state = visit.query("state") if visit.query("state") in STATES else ""
    fields = {"webhookId": webhook_id, "state": state or None, "cursor": visit.query("cursor") or None}
    webhook, deliveries, types = await gather(
        visit.call("monitor.webhook", webhookId=webhook_id),
        visit.call("monitor.webhook_deliveries", limit=DELIVERIES, **fields),
        visit.call("monitor.webhook_event_types"),
    )
    values: Any = {"url": webhook["url"], "description": webhook["description"], **{TYPE + name: "on" for name in webhook["eventTypes"]}}
    return visit.render(
        "webhooks/webhook.html",
        problem.status if problem else 200,
        webhook=webhook,
        page=deliveries,
        deliveries=[{**each, "body": orjson.dumps(each["payload"], option=orjson.OPT_INDENT_2).decode()} for each in deliveries["items"]],
        types=types["items"],
        values=await visit.form() if problem else values,
        state=state,
        states=STATES,
        secret=secret,
        is_new=is_new,
        problem=problem,
    )


async def change(visit: Visit) -> Response:
    form = await visit.form()
    fields = {"url": form.get("url", ""), "eventTypes": _types(form), "description": form.get("description", "")}
    return await _submit(visit, "saved", "monitor.update_webhook", **fields)


async def enable(visit: Visit) -> Response:
    return await _submit(visit, "webhook-enabled", "monitor.update_webhook", enabled=True)


async def disable(visit: Visit) -> Response:
    return await _submit(visit, "webhook-disabled", "monitor.update_webhook", enabled=False)


async def test(visit: Visit) -> Response:
    return await _submit(visit, "webhook-tested", "monitor.send_test_event")


async def redeliver(visit: Visit) -> Response:
    return await _submit(visit, "redelivering", "monitor.redeliver_webhook", deliveryId=visit.path_value("delivery"))


async def _submit(visit: Visit, done: str, function: str, **fields: Any) -> Response:
    webhook_id = visit.path_value("webhook")
    return await submit(visit, _show, f"{WEBHOOKS}/{webhook_id}", done, function, webhookId=webhook_id, **fields)


async def rotate(visit: Visit) -> Response:
    """The new secret is shown once."""
    await visit.form()
    webhook_id = visit.path_value("webhook")
    rotated = await visit.call("monitor.rotate_webhook_secret", webhookId=webhook_id)
    return await _page(visit, webhook_id, secret=rotated["secret"])


async def delete(visit: Visit) -> Response:
    form, webhook_id = await visit.form(), visit.path_value("webhook")
    return await submit(
        visit, _show, f"{WEBHOOKS}?team={form.get('team', ALL_TEAMS)}", "webhook-deleted", "monitor.delete_webhook", webhookId=webhook_id
    )


PAGES = (
    Page("GET", WEBHOOKS, index),
    Page("POST", WEBHOOKS, create),
    Page("GET", "/webhooks/{webhook}", show),
    Page("POST", "/webhooks/{webhook}", change),
    Page("POST", "/webhooks/{webhook}/enabling", enable),
    Page("POST", "/webhooks/{webhook}/disabling", disable),
    Page("POST", "/webhooks/{webhook}/test", test),
    Page("POST", "/webhooks/{webhook}/secret-rotation", rotate),
    Page("POST", "/webhooks/{webhook}/deletion", delete),
    Page("POST", "/webhooks/{webhook}/deliveries/{delivery}/redelivery", redeliver),
)
