"""Plan, current bill, invoices, payment method."""

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit, gather, optional


async def show(visit: Visit) -> Response:
    return await _page(visit, None)


async def _page(visit: Visit, problem: ApiProblem | None) -> Response:
    bill, subscription, plans, invoices, method, quota = await gather(
        optional(visit.call("billing.current_bill")),
        optional(visit.call("billing.subscription")),
        visit.call("billing.plans"),
        optional(visit.call("billing.invoices", limit="12")),
        optional(visit.call("billing.payment_method")),
        optional(visit.call("deploy.quota")),
    )
    return visit.render(
        "billing.html",
        problem.status if problem else 200,
        bill=bill,
        subscription=subscription,
        plans=plans["items"],
        invoices=invoices["items"] if invoices else [],
        method=method,
        quota=quota,
        problem=problem,
    )


async def subscribe(visit: Visit) -> Response:
    form = await visit.form()
    try:
        await visit.call("billing.subscribe", plan=form.get("plan", ""), paymentMethod=form.get("paymentMethod") or None)
    except ApiProblem as problem:
        return await _page(visit, problem)
    return visit.redirect("/billing", done="plan-changed")


async def cancel(visit: Visit) -> Response:
    return await _change(visit, "billing.cancel_subscription", "cancelled")


async def resume(visit: Visit) -> Response:
    return await _change(visit, "billing.resume_subscription", "resumed")


async def _change(visit: Visit, function: str, done: str) -> Response:
    await visit.form()
    try:
        await visit.call(function)
    except ApiProblem as problem:
        return await _page(visit, problem)
    return visit.redirect("/billing", done=done)


async def set_payment_method(visit: Visit) -> Response:
    form = await visit.form()
    try:
        await visit.call("billing.set_payment_method", paymentMethod=form.get("paymentMethod", ""))
    except ApiProblem as problem:
        return await _page(visit, problem)
    return visit.redirect("/billing", done="payment-method")


async def invoice(visit: Visit) -> Response:
    view = await visit.call("billing.invoice", invoiceId=visit.path_value("invoice"))
    return visit.render("invoice.html", invoice=view, problem=None)


async def pay(visit: Visit) -> Response:
    form, invoice_id = await visit.form(), visit.path_value("invoice")
    try:
        await visit.call("billing.pay_invoice", invoiceId=invoice_id, paymentMethod=form.get("paymentMethod") or None)
    except ApiProblem as problem:
        view = await visit.call("billing.invoice", invoiceId=invoice_id)
        return visit.render("invoice.html", problem.status, invoice=view, problem=problem)
    return visit.redirect(f"/billing/invoices/{invoice_id}", done="paying")


async def pdf(visit: Visit) -> Response:
    if "credit" in visit.request.path_params:
        fields = {"invoiceId": visit.path_value("invoice"), "creditNoteId": visit.path_value("credit")}
        file = await visit.download("billing.credit_note_pdf", **fields)
    else:
        file = await visit.download("billing.invoice_pdf", invoiceId=visit.path_value("invoice"))
    name = "".join(character if character.isascii() and (character.isalnum() or character in "._-") else "_" for character in file.name)
    return Response(file.content, media_type=file.media_type, headers={"content-disposition": f'inline; filename="{name}"'})


PAGES = (
    Page("GET", "/billing", show),
    Page("POST", "/billing/plan", subscribe),
    Page("POST", "/billing/cancellation", cancel),
    Page("POST", "/billing/resumption", resume),
    Page("POST", "/billing/payment-method", set_payment_method),
    Page("GET", "/billing/invoices/{invoice}", invoice),
    Page("POST", "/billing/invoices/{invoice}/payment", pay),
    Page("GET", "/billing/invoices/{invoice}/pdf", pdf),
    Page("GET", "/billing/invoices/{invoice}/credit-notes/{credit}/pdf", pdf),
)
