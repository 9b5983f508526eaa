"""For administrators of the installation: health, where functions run and what they do, queues, log lines, registrations that wait or failed."""

from datetime import timedelta
from typing import Any

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem, Json
from functions.edge.dashboard.pages.forms import submit
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import SERVER_ERROR, Visit, available, gather

CONTEXTS = ("auth", "billing", "deploy", "monitor")
RANGES = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
STATES = ("running", "starting", "zero", "failed")
"""Of a function's Service."""
LOG_FILTERS = ("function", "search", "fields")
REGISTRATION_STATUSES = ("failed", "compensating", "compensated", "user", "customer", "quota", "payment-account", "completed")
MAX_FAILING = 10
REGISTRATIONS = "/operations/registrations"


async def health(visit: Visit) -> Response:
    """State and backlog of each context, and what functions did, unless monitor is away.

    Raises ApiProblem 403, before a context receives a request.
    """
    if not visit.is_administrator:
        raise ApiProblem(403, "You do not have permission to do this", "Only administrators of the installation see its health.")
    (_, report), view, queues, instances, circuits = await gather(
        visit.api.health.report(is_fresh=True),
        available(visit.call("monitor.function_metrics")),
        available(visit.call("monitor.queues")),
        available(visit.call("deploy.function_instances")),
        visit.api.gateway.newest(),
    )
    functions = view["functions"] if view else []
    failing = [each for each in sorted(functions, key=_by_trouble) if each["failed"] or each["deadLetters"]]
    return visit.render(
        "operations/health.html",
        report=report,
        contexts=[_context_state(each) for each in report["services"]],
        queues=queues,
        instances=instances,
        circuits=circuits,
        gateway_url=visit.api.gateway.url,
        failing=failing[:MAX_FAILING],
        has_figures=view is not None,
        totals={name: sum(each[name] for each in functions) if view else None for name in ("executions", "failed", "coldStarts")},
    )


def _context_state(service: Json) -> Json:
    """`backlog`, `database`: None if the context did not answer."""
    metadata = service.get("metadata") or {}
    return {
        "name": str(service["service"]).removesuffix("-service"),
        "check": service["check"],
        "detail": service.get("detail", ""),
        "version": metadata.get("version"),
        "database": metadata.get("database"),
        "backlog": metadata.get("messages"),
    }


async def functions(visit: Visit) -> Response:
    length = visit.query("range") if visit.query("range") in RANGES else "1h"
    context = visit.query("context") if visit.query("context") in CONTEXTS else None
    begin = (visit.now - RANGES[length]).isoformat()
    view, instances = await gather(
        visit.call("monitor.function_metrics", context=context, **{"from": begin}), available(visit.call("deploy.function_instances"))
    )
    services = [each for each in instances["services"] if context in (None, each["context"])] if instances else []
    ran = {each["function"] for each in view["functions"]}
    return visit.render(
        "operations/functions.html",
        functions=sorted(view["functions"], key=_by_trouble),
        services=services,
        service_of={function: each for each in services for function in each["functions"]},
        quiet=[each for each in services if ran.isdisjoint(each["functions"])],
        numbers={state: sum(each["state"] == state for each in services) for state in STATES} if instances else None,
        totals={name: sum(each[name] for each in view["functions"]) for name in ("executions", "failed", "retried", "deadLetters")},
        context=context,
        contexts=CONTEXTS,
        length=length,
        lengths=list(RANGES),
    )


async def queues(visit: Visit) -> Response:
    """Queues with their depth. Without RabbitMQ's numbers the page says what is missing."""
    problem: ApiProblem | None = None
    view: Json | None = None
    try:
        view = await visit.call("monitor.queues")
    except ApiProblem as refused:
        if refused.status < SERVER_ERROR:
            raise
        problem = refused
    listed = view["queues"] if view else []
    busy = [each for each in listed if each["ready"] or each["unacknowledged"]]
    return visit.render(
        "operations/queues.html",
        problem.status if problem else 200,
        view=view,
        busy=busy,
        empty=[each for each in listed if each not in busy],
        problem=problem,
    )


def _by_trouble(each: Json) -> tuple[Any, ...]:
    """What needs an operator first, then what runs most."""
    return (-each["deadLetters"], -each["failed"], -each["executions"], each["function"])


async def logs(visit: Visit) -> Response:
    chosen = {name: visit.query(name) for name in LOG_FILTERS}
    problem: ApiProblem | None = None
    view: Json = {"lines": []}
    try:
        view = await visit.call("monitor.function_logs", limit="200", **{name: value for name, value in chosen.items() if value})
    except ApiProblem as refused:
        if refused.status != 422:
            raise
        problem = refused
    return visit.render("operations/logs.html", problem.status if problem else 200, lines=view["lines"], filter=chosen, problem=problem)


async def registrations(visit: Visit) -> Response:
    return await _registrations(visit)


async def _registrations(visit: Visit, problem: ApiProblem | None = None) -> Response:
    status = visit.query("status") if visit.query("status") in REGISTRATION_STATUSES else None
    page = await visit.call("auth.registrations", status=status, cursor=visit.query("cursor") or None, limit="50")
    return visit.render(
        "operations/registrations.html",
        problem.status if problem else 200,
        page=page,
        chosen=status,
        statuses=REGISTRATION_STATUSES,
        problem=problem,
    )


async def resume_registration(visit: Visit) -> Response:
    user_id = visit.path_value("user")
    return await submit(visit, _registrations, REGISTRATIONS, "registration-resumed", "auth.resume_registration", userId=user_id)


PAGES = (
    Page("GET", "/operations", health),
    Page("GET", "/operations/functions", functions),
    Page("GET", "/operations/queues", queues),
    Page("GET", "/operations/logs", logs),
    Page("GET", REGISTRATIONS, registrations),
    Page("POST", "/operations/registrations/{user}/resumption", resume_registration),
)
