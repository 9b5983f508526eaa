"""Billing for operators: customers, invoices and payments of everybody. Needs the role admin."""

from typing import Annotated, Any

import typer

from cli.client import Json, segment
from cli.declaration import command, subcommands
from cli.failures import NotFound, UsageError
from cli.lookup import is_full_id, match_prefix
from cli.render import operator as render
from cli.session import Session

Customer = Annotated[
    str | None, typer.Option("--customer", metavar="CUSTOMER", help="Only of this customer: id, e-mail address, or the beginning of either.")
]
Status = Annotated[str | None, typer.Option("--status", metavar="STATUS", help="Only with this status.")]
Number = Annotated[str, typer.Argument(metavar="NUMBER", help="Number or id of the invoice.")]


def declare(app: typer.Typer) -> None:
    operator = subcommands(app, "operator", "Manage the billing of all customers (admins).")
    command(operator, "customers")(customers)
    command(operator, "invoices")(invoices)
    command(operator, "payments")(payments)
    command(operator, "refund")(refund)
    command(operator, "void")(void)


def customers(session: Session, email: Annotated[str, typer.Argument(metavar="TEXT", help="Part of the e-mail address.")] = "") -> None:
    """List customers with plan and balance."""
    items = session.api.items("/v1/billing/operator/customers", email=email, limit=100)
    session.output.show(items, render.customers(items))
    session.output.next_step("capsule operator invoices --customer CUSTOMER")


def invoices(session: Session, customer: Customer = None, status: Status = None) -> None:
    """List issued invoices of all customers."""
    items = _invoices(session, **_filter(session, customer, status))
    session.output.show(items, render.invoices(items))
    session.output.next_step("capsule operator payments", "capsule operator refund NUMBER --reason TEXT")


def payments(session: Session, customer: Customer = None, status: Status = None) -> None:
    """List payments of all customers, with disputes."""
    items = session.api.items("/v1/billing/operator/payments", limit=100, **_filter(session, customer, status))
    session.output.show(items, render.payments(items))
    session.output.next_step("capsule operator invoices")


def refund(
    session: Session,
    invoice: Number,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason, as the credit note shows it.")],
    amount: Annotated[str | None, typer.Option("--amount", metavar="AMOUNT", help="Amount, such as 5.00. Default: all that is left.")] = None,
) -> None:
    """Refund a paid invoice, completely or in part."""
    body: Json = {"reason": reason} | ({} if amount is None else {"amount": parse_amount(amount)})
    accepted = session.api.post(f"/v1/billing/invoices/{segment(_invoice_id(session, invoice))}/refunds", body)
    session.output.show(accepted, render.refund(accepted))
    session.output.next_step("capsule operator invoices")


def void(
    session: Session, invoice: Number, reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason, as the customer reads it.")]
) -> None:
    """Void an open invoice: nothing of it is owed."""
    view = session.api.post(f"/v1/billing/invoices/{segment(_invoice_id(session, invoice))}/void", {"reason": reason})
    session.output.show(view, f"✓ Invoice {view['number']} is void.")
    session.output.next_step("capsule operator invoices")


def parse_amount(text: str) -> int:
    """Return minor units from `5`, `5.0` or `5.00`.

    Raises:
        UsageError: it is no amount above zero with at most two decimals.
    """
    whole, point, decimals = text.strip().partition(".")
    digits = decimals.ljust(2, "0")
    is_amount = whole.isascii() and whole.isdigit() and len(whole) <= 12 and digits.isascii() and digits.isdigit() and len(digits) == 2
    if not is_amount or bool(point) != bool(decimals) or not int(whole + digits):
        raise UsageError(f'"{text}" is not an amount', hint="Use an amount such as 5.00, without a currency.")
    return int(whole + digits)


def _filter(session: Session, customer: str | None, status: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"status": status} if status else {}
    if customer is None:
        return found
    return found | {"customerId": customer if is_full_id(customer) else _customer_id(session, customer)}


def _customer_id(session: Session, text: str) -> str:
    by_email = session.api.items("/v1/billing/operator/customers", email=text, limit=100)
    exact = [each for each in by_email if each["email"].lower() == text.lower()] or by_email
    if len(exact) > 1:
        raise UsageError(f'"{text}" matches {len(exact)} customers', ", ".join(each["email"] for each in exact[:5]), hint="Type more of the address.")
    if exact:
        return str(exact[0]["customerId"])
    ids = [each["customerId"] for each in session.api.items("/v1/billing/operator/customers", limit=100)]
    found = match_prefix("customer", text, ids)
    if found is None:
        raise NotFound(f'There is no customer "{text}"', hint="capsule operator customers")
    return found


def _invoice_id(session: Session, text: str) -> str:
    if is_full_id(text):
        return text
    for each in _invoices(session):
        if each["number"] == text:
            return str(each["invoiceId"])
    raise NotFound(f'There is no invoice "{text}"', hint="capsule operator invoices")


def _invoices(session: Session, **query: Any) -> list[Json]:
    return session.api.items("/v1/billing/operator/invoices", limit=100, **query)
