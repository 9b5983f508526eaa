"""Plan, current bill, invoices, payment method."""

from typing import Any

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem, Json
from functions.edge.dashboard.pages.forms import submit
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.pages.team_choice import TeamChoice
from functions.edge.dashboard.visit import ALL_TEAMS, Visit, gather, optional

BILLING = "/billing"


async def show(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, problem: ApiProblem | None = None) -> Response:
    """The bills of the chosen team, else of the personal one."""
    team_id = visit.team_id
    permissions, bill, subscription, plans, invoices, method, customer = await gather(
        visit.call("auth.permissions"),
        optional(visit.call("billing.current_bill", teamId=team_id, cursor=visit.query("cursor") or None)),
        optional(visit.call("billing.subscription", teamId=team_id)),
        visit.call("billing.plans"),
        optional(visit.call("billing.invoices", limit="12", teamId=team_id)),
        optional(visit.call("billing.payment_method", teamId=team_id)),
        optional(visit.call("billing.customer", teamId=team_id)),
    )
    choice = TeamChoice.of(visit, permissions)
    if team_id and not choice.chosen:
        return visit.redirect(BILLING, team=ALL_TEAMS)
    return visit.render(
        "billing.html",
        problem.status if problem else 200,
        choice=choice,
        team=choice.chosen or choice.personal,
        bill=bill,
        subscription=subscription,
        plans=plans["items"],
        invoices=invoices["items"] if invoices else [],
        method=method,
        details=_details(visit, customer, problem),
        problem=problem,
    )


def _details(visit: Visit, customer: Any, problem: ApiProblem | None) -> Json:
    """Name, address, country and VAT number as the form shows them: those that were sent if they were refused."""
    if problem is not None and "country" in visit.sent:
        return {name: visit.sent.get(name, "") for name in ("name", "address", "country", "vatId")}
    stored = (customer or {}).get("billingDetails")
    if not stored:
        return {"name": "", "address": "", "country": "", "vatId": ""}
    return {**stored, "address": "\n".join(stored["address"]), "vatId": stored["vatId"] or ""}


async def set_details(visit: Visit) -> Response:
    form = await visit.form()
    fields = {"name": form.get("name", ""), "address": form.get("address", "").splitlines(), "country": form.get("country", "")}
    return await _change(visit, "billing-details", "billing.set_billing_details", **fields, vatId=form.get("vatId") or None)


async def subscribe(visit: Visit) -> Response:
    form = await visit.form()
    return await _change(visit, "plan-changed", "billing.subscribe", plan=form.get("plan", ""), paymentMethod=form.get("paymentMethod") or None)


async def cancel(visit: Visit) -> Response:
    return await _change(visit, "cancelled", "billing.cancel_subscription")


async def resume(visit: Visit) -> Response:
    return await _change(visit, "resumed", "billing.resume_subscription")


async def set_payment_method(visit: Visit) -> Response:
    form = await visit.form()
    return await _change(visit, "payment-method", "billing.set_payment_method", paymentMethod=form.get("paymentMethod", ""))


async def _change(visit: Visit, done: str, function: str, **fields: Any) -> Response:
    """Change the team of the form: another page may have chosen another one meanwhile."""
    await visit.form()
    return await submit(visit, _page, _path(visit, BILLING), done, function, teamId=visit.team_id, **fields)


def _path(visit: Visit, path: str) -> str:
    return f"{path}?team={visit.team_id}" if visit.team_id else path


async def invoice(visit: Visit) -> Response:
    return await _invoice(visit)


async def _invoice(visit: Visit, problem: ApiProblem | None = None) -> Response:
    view = await visit.call("billing.invoice", invoiceId=visit.path_value("invoice"), teamId=visit.team_id)
    return visit.render("invoice.html", problem.status if problem else 200, invoice=view, problem=problem)


async def pay(visit: Visit) -> Response:
    form, invoice_id = await visit.form(), visit.path_value("invoice")
    fields = {"invoiceId": invoice_id, "teamId": visit.team_id, "paymentMethod": form.get("paymentMethod") or None}
    return await submit(visit, _invoice, _path(visit, f"{BILLING}/invoices/{invoice_id}"), "paying", "billing.pay_invoice", **fields)


async def pdf(visit: Visit) -> Response:
    if "credit" in visit.request.path_params:
        fields = {"invoiceId": visit.path_value("invoice"), "creditNoteId": visit.path_value("credit"), "teamId": visit.team_id}
        file = await visit.download("billing.credit_note_pdf", **fields)
    else:
        file = await visit.download("billing.invoice_pdf", invoiceId=visit.path_value("invoice"), teamId=visit.team_id)
    name = "".join(character if character.isascii() and (character.isalnum() or character in "._-") else "_" for character in file.name)
    return Response(file.content, media_type=file.media_type, headers={"content-disposition": f'inline; filename="{name}"'})


PAGES = (
    Page("GET", "/billing", show),
    Page("POST", "/billing/plan", subscribe),
    Page("POST", "/billing/cancellation", cancel),
    Page("POST", "/billing/resumption", resume),
    Page("POST", "/billing/payment-method", set_payment_method),
    Page("POST", "/billing/details", set_details),
    Page("GET", "/billing/invoices/{invoice}", invoice),
    Page("POST", "/billing/invoices/{invoice}/payment", pay),
    Page("GET", "/billing/invoices/{invoice}/pdf", pdf),
    Page("GET", "/billing/invoices/{invoice}/credit-notes/{credit}/pdf", pdf),
)
