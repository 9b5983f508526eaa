"""Sign in a device: enter the code that it shows, look at what asks, confirm or deny (RFC 8628, section 3.3)."""

from typing import Any

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit

APPROVE = "approve"


async def code_form(visit: Visit) -> Response:
    """The code in the address fills the form only: its user compares and sends it (RFC 8628, 3.3.1 and 5.4)."""
    return _page(visit, visit.query("user_code"))


def _page(visit: Visit, user_code: str, device: Any = None, decision: str = "", problem: ApiProblem | None = None) -> Response:
    status = problem.status if problem else 200
    return visit.render("device.html", status, user_code=user_code, device=device, decision=decision, problem=problem)


async def find(visit: Visit) -> Response:
    user_code = (await visit.form()).get("userCode", "")
    try:
        device = await visit.call("auth.find_device_authorization", userCode=user_code)
    except ApiProblem as problem:
        if problem.status == 401:
            raise
        return _page(visit, user_code, problem=problem)
    return _page(visit, user_code, device)


async def decide(visit: Visit) -> Response:
    form = await visit.form()
    user_code, decision = form.get("userCode", ""), form.get("decision", "")
    try:
        await visit.call("auth.decide_device_authorization", userCode=user_code, isApproved=decision == APPROVE)
    except ApiProblem as problem:
        if problem.status == 401:
            raise
        return _page(visit, user_code, problem=problem)
    return _page(visit, user_code, decision="approved" if decision == APPROVE else "denied")


PAGES = (
    Page("GET", "/device", code_form),
    Page("POST", "/device", find),
    Page("POST", "/device/decision", decide),
)
