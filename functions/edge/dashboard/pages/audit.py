"""The audit log, and what the user may do in each team."""

import re
from collections.abc import AsyncIterator

import orjson
from starlette.responses import Response, StreamingResponse

from functions.edge.dashboard.api import ApiProblem, Json
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.pages.team_choice import title
from functions.edge.dashboard.visit import Visit, gather, permitted
from functions.kernel import Permission

DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
FILTERS = ("action", "target", "since", "until", "userId")
PAGE_ENTRIES, EXPORT_PAGE_ENTRIES = "50", "200"
MAX_EXPORTED = 20_000
"""Entries in one file; a longer log is exported in parts, by time."""
PERMISSIONS = {
    Permission.APP_READ: "See applications",
    Permission.APP_CREATE: "Create applications",
    Permission.APP_CONFIGURE: "Configure them and their environments",
    Permission.APP_DEPLOY: "Deploy, start, stop and scale",
    Permission.APP_RUN: "Run one-off commands",
    Permission.SERVICE_CONNECT: "Connect to data services",
    Permission.APP_DELETE: "Delete applications",
    Permission.LOGS_READ: "Read logs and metrics",
    Permission.ALERTS_READ: "See alerts",
    Permission.ALERTS_WRITE: "Manage alert rules and alert channels",
    Permission.BILLING_READ: "Read bills and invoices",
    Permission.BILLING_WRITE: "Change the plan and pay",
    Permission.WEBHOOKS_MANAGE: "Manage webhooks, which receive all events of the team",
    Permission.TEAM_READ: "See members",
    Permission.TEAM_MANAGE: "Manage members, invitations and grants",
    Permission.TEAM_OWN: "Rename, transfer or delete the team, and appoint owners",
}
"""Permission → what it allows."""


def _filter(visit: Visit) -> dict[str, str]:
    """The filters of the address. A day, as a date field sends it, begins at midnight UTC."""
    parameters = {name: visit.query(name).strip() for name in FILTERS if visit.query(name).strip()}
    return {name: f"{value}T00:00:00Z" if DAY.fullmatch(value) else value for name, value in parameters.items()}


async def audit(visit: Visit) -> Response:
    chosen = _filter(visit)
    try:
        page = await visit.call("auth.audit", limit=PAGE_ENTRIES, cursor=visit.query("cursor") or None, **chosen)
    except ApiProblem as problem:
        if problem.status != 422:
            raise
        return _page(visit, {"items": [], "next": None}, problem)
    return _page(visit, page, None)


def _page(visit: Visit, page: Json, problem: ApiProblem | None) -> Response:
    parameters = {name: visit.query(name) for name in FILTERS}
    items = [{**each, "changes": changes(each)} for each in page["items"]]
    values = {"page": {**page, "items": items}, "filter": parameters, "max_exported": MAX_EXPORTED}
    return visit.render("account/audit.html", problem.status if problem else 200, **values, problem=problem)


def changes(entry: Json) -> list[tuple[str, str, str]]:
    """Each value that differs: its name, the former value and the new one."""
    before, after = entry["before"] or {}, entry["after"] or {}
    return [(name, _text(before.get(name)), _text(after.get(name))) for name in dict.fromkeys((*before, *after))]


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None else str(value)


async def export(visit: Visit) -> Response:
    """The entries that the filters select, the last one first, as JSON lines."""
    chosen = _filter(visit)
    first = await visit.call("auth.audit", limit=EXPORT_PAGE_ENTRIES, **chosen)
    headers = {"content-disposition": 'attachment; filename="capsule-audit.jsonl"'}
    return StreamingResponse(_lines(visit, first, chosen), media_type="application/x-ndjson", headers=headers)


async def _lines(visit: Visit, page: Json, chosen: dict[str, str]) -> AsyncIterator[bytes]:
    """Raises ApiProblem, which breaks the download off: a file that is not whole does not end well."""
    count = 0
    while True:
        for each in page["items"]:
            yield orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE)
        count += len(page["items"])
        if not page["next"] or count >= MAX_EXPORTED:
            return
        page = await visit.call("auth.audit", limit=EXPORT_PAGE_ENTRIES, cursor=page["next"], **chosen)


async def permissions(visit: Visit) -> Response:
    listed, applications = await gather(visit.call("auth.permissions"), permitted(visit.call("deploy.applications", limit="100")))
    names = {each["id"]: each["name"] for each in (applications["items"] if applications else [])}
    teams = [{**each, "title": title(each)} for each in listed["items"]]
    return visit.render("account/permissions.html", teams=teams, names=names, permissions={each.value: text for each, text in PERMISSIONS.items()})


PAGES = (
    Page("GET", "/account/audit", audit),
    Page("GET", "/account/audit/export", export),
    Page("GET", "/account/permissions", permissions),
)
