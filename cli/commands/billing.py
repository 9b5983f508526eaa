"""Billing: plans, the current bill, invoices, usage and quota."""

from pathlib import Path
from typing import Annotated

import typer

from cli.client import Json, segment
from cli.completion import invoice_numbers
from cli.declaration import command, subcommands
from cli.failures import ApiError, ExitCode, NotFound
from cli.help import default
from cli.lookup import is_full_id, match_prefix
from cli.options import PaymentMethod
from cli.render import billing as render
from cli.session import Session
from cli.team_lookup import Team, of_team

LINES_AT_ONCE = 1000
"""Of a bill."""

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="Number of the invoice, or the beginning of its id.", autocompletion=invoice_numbers)]


def declare(app: typer.Typer) -> None:
    command(app, "plans")(plans)
    command(app, "bill")(bill)
    invoices = subcommands(app, "invoices", "List, show, save and pay invoices.")
    command(invoices, "list")(list_invoices)
    command(invoices, "show")(show_invoice)
    command(invoices, "pdf")(save_pdf)
    command(invoices, "pay")(pay)
    command(app, "usage")(usage)
    command(app, "quota")(quota)


def plans(session: Session) -> None:
    """List plans with prices and limits."""
    items = session.anonymous.items("/v1/billing/plans")
    session.output.show(items, render.plans(items))
    session.output.next_step("capsule subscription change PLAN")


def bill(session: Session, team: Team = None) -> None:
    """Show the current bill: cost of this period so far."""
    chosen = of_team(session, team)
    view = _whole_bill(session, chosen)
    if session.output.as_json:
        session.output.show(view)
        return
    session.output.show(view, *render.bill(view, _application_names(session, view)))
    if view.get("payments") == "off":
        session.output.note("Payments are off in this installation: nothing is charged, and paid plans are not available.")
    show_warnings(session, render.warnings(session.api.get("/v1/quota", **chosen), view))
    session.output.next_step("capsule usage", "capsule invoices list")


def list_invoices(session: Session, team: Team = None) -> None:
    """List issued invoices, newest first."""
    items = _invoices(session, of_team(session, team))
    session.output.show(items, render.invoices(items))
    is_open = any(each["status"] == "open" for each in items)
    session.output.next_step(f"capsule invoices {'pay' if is_open else 'show'} NUMBER" if items else "capsule bill")


def show_invoice(session: Session, invoice: Number, team: Team = None) -> None:
    """Show an invoice with its lines and payment."""
    chosen = of_team(session, team)
    view = session.api.get(f"/v1/billing/invoices/{segment(_invoice_id(session, invoice, chosen))}", **chosen)
    session.output.show(view, *render.invoice(view))
    session.output.next_step(f"capsule invoices {'pay' if view['status'] == 'open' else 'pdf'} {view['number']}")


def save_pdf(
    session: Session,
    invoice: Number,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help=f"File to write. {default('invoice-NUMBER.pdf')}")] = None,
    credit_note: Annotated[str | None, typer.Option("--credit-note", metavar="NUMBER", help="Save this credit note of the invoice instead.")] = None,
    team: Team = None,
) -> None:
    """Save an invoice or credit note as a PDF file."""
    chosen = of_team(session, team)
    view = session.api.get(f"/v1/billing/invoices/{segment(_invoice_id(session, invoice, chosen))}", **chosen)
    source, name = f"/v1/billing/invoices/{view['invoiceId']}", f"invoice-{view['number']}.pdf"
    if credit_note is not None:
        note = next((each for each in view["credits"] if each["number"] == credit_note), None)
        if note is None:
            raise NotFound(f'Invoice {view["number"]} has no credit note "{credit_note}"', hint=f"capsule invoices show {view['number']}")
        source, name = f"{source}/credit-notes/{note['creditNoteId']}", f"credit-note-{note['number']}.pdf"
    path = output or Path(name)
    path.write_bytes(session.api.request("GET", f"{source}/pdf", query=chosen).content)
    session.output.show({"invoiceId": view["invoiceId"], "path": str(path)}, f"✓ Saved {path}.")
    session.output.next_step(f"capsule invoices show {view['number']}")


def pay(session: Session, invoice: Number, payment_method: PaymentMethod = None, team: Team = None) -> None:
    """Pay an open invoice now."""
    chosen = of_team(session, team)
    body = chosen | ({"paymentMethod": payment_method} if payment_method else {})
    accepted = session.api.post(f"/v1/billing/invoices/{segment(_invoice_id(session, invoice, chosen))}/payment", body)
    session.output.show(accepted, "Payment started.")
    session.output.next_step(f"capsule operations follow {accepted['operationId']}", f"capsule invoices show {invoice}")


def usage(session: Session, team: Team = None) -> None:
    """Show the usage of this period."""
    view = _whole_bill(session, of_team(session, team))
    document = {"period": view["period"], "charges": view["charges"], "lines": view["lines"]}
    names = {} if session.output.as_json else _application_names(session, view)
    session.output.show(document, render.usage(view), "", render.lines(view, names))
    session.output.next_step("capsule bill")


def quota(session: Session, team: Team = None) -> None:
    """Show limits of your plan and what is used."""
    chosen = of_team(session, team)
    view = session.api.get("/v1/quota", **chosen)
    current = None if session.output.as_json else _current_bill(session, chosen)
    session.output.show(view, render.quota(view, current))
    show_warnings(session, render.warnings(view, current))
    is_suspended = view["standing"]["restriction"] == "subscription-suspended"
    session.output.next_step("capsule invoices list" if is_suspended else "capsule plans")


def account_warnings(session: Session) -> list[str]:
    """Return why nothing new starts in this account, or soon will not."""
    return render.warnings(session.api.get("/v1/quota"), _current_bill(session, {}))


def show_warnings(session: Session, warnings: list[str]) -> None:
    for each in warnings:
        session.output.note(f"! {each}")


def _whole_bill(session: Session, team: dict[str, str]) -> Json:
    """Return the current bill with all of its lines, as if they were one page."""
    view = session.api.get("/v1/billing/current", limit=LINES_AT_ONCE, **team)
    following = view.get("next")
    while following:
        page = session.api.get("/v1/billing/current", limit=LINES_AT_ONCE, cursor=following, **team)
        view["lines"], following = [*view["lines"], *page["lines"]], page.get("next")
    return {**view, "next": None}


def _current_bill(session: Session, team: dict[str, str]) -> Json | None:
    """Return the current bill without lines; None before there is a customer, or while billing is unavailable."""
    try:
        return session.api.get("/v1/billing/current", limit=0, **team)
    except ApiError as error:
        if error.exit_code not in (ExitCode.NOT_FOUND, ExitCode.UNAVAILABLE):
            raise
        return None


def _invoices(session: Session, team: dict[str, str]) -> list[Json]:
    return session.api.items("/v1/billing/invoices", limit=100, **team)


def _invoice_id(session: Session, text: str, team: dict[str, str]) -> str:
    """Return an invoice's id from its number, its id, or the beginning of its id."""
    if is_full_id(text):
        return text
    items = _invoices(session, team)
    by_number = next((each["invoiceId"] for each in items if each["number"] == text), None)
    found = by_number or match_prefix("invoice", text, [each["invoiceId"] for each in items])
    if found is None:
        raise NotFound(f'You have no invoice "{text}"', hint="capsule invoices list")
    return str(found)


def _application_names(session: Session, bill: Json) -> dict[str, str]:
    """Return the names of applications by id, for those that the bill does not name: they are older than its names."""
    if all(line["application"] for line in bill["lines"]):
        return {}
    return {each["id"]: each["name"] for each in session.operations.deploy.all_applications(limit=100)}
