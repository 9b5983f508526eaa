"""Billing of everybody, for administrators: customers, invoices with refunds, payments with disputes."""

import re
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.formats import MINOR_DIGITS
from functions.edge.dashboard.pages.forms import submit
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit

INVOICES = "/operations/invoices"
INVOICE_STATUSES = ("open", "paid", "void")
PAYMENT_STATUSES = ("pending", "succeeded", "failed")
AMOUNT = re.compile(r"\d{1,12}(?:\.\d{1,3})?", re.ASCII)


async def customers(visit: Visit) -> Response:
    email = visit.query("email").strip()
    page = await visit.call("billing.operator_customers", email=email or None, limit="50", cursor=visit.query("cursor") or None)
    return visit.render("operations/customers.html", page=page, filter={"email": email})


async def _list(visit: Visit, function: str, template: str, statuses: tuple[str, ...], problem: ApiProblem | None = None) -> Response:
    chosen = {"customerId": visit.query("customerId"), "status": visit.query("status") if visit.query("status") in statuses else ""}
    parameters = {name: value for name, value in chosen.items() if value}
    page = await visit.call(function, limit="50", cursor=visit.query("cursor") or None, **parameters)
    return visit.render(template, problem.status if problem else 200, page=page, filter=chosen, statuses=statuses, problem=problem)


async def invoices(visit: Visit) -> Response:
    return await _invoices(visit)


async def _invoices(visit: Visit, problem: ApiProblem | None = None) -> Response:
    return await _list(visit, "billing.operator_invoices", "operations/invoices.html", INVOICE_STATUSES, problem)


async def payments(visit: Visit) -> Response:
    return await _list(visit, "billing.operator_payments", "operations/payments.html", PAYMENT_STATUSES)


async def refund(visit: Visit) -> Response:
    """An empty amount refunds all that is left."""
    form = await visit.form()
    amount = minor_units(form.get("amount", ""), form.get("currency", ""))
    if form.get("amount") and amount is None:
        return await _invoices(visit, ApiProblem(422, "The amount is not valid", "Enter an amount such as 5.00, without a currency."))
    return await _change(visit, "refunded", "billing.refund_invoice", amount=amount, reason=form.get("reason", ""))


def minor_units(text: str, currency: str) -> int | None:
    """An amount above zero such as `5` or `5.00` in minor units; None if it is none."""
    digits = MINOR_DIGITS.get(currency, 2)
    amount = Decimal(text).scaleb(digits) if AMOUNT.fullmatch(text) else Decimal(0)
    return int(amount) if amount and amount == int(amount) else None


async def void(visit: Visit) -> Response:
    return await _change(visit, "voided", "billing.void_invoice", reason=(await visit.form()).get("reason", ""))


async def _change(visit: Visit, done: str, function: str, **fields: Any) -> Response:
    parameters = {name: value for name, value in fields.items() if value is not None}
    return await submit(visit, _invoices, INVOICES, done, function, invoiceId=visit.path_value("invoice"), **parameters)


PAGES = (
    Page("GET", "/operations/customers", customers),
    Page("GET", INVOICES, invoices),
    Page("POST", "/operations/invoices/{invoice}/refund", refund),
    Page("POST", "/operations/invoices/{invoice}/voiding", void),
    Page("GET", "/operations/payments", payments),
)
