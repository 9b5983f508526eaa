"""What it costs: plans and the one that was chosen, the running bill, issued invoices, what was measured, and how much one may run."""

import time
from pathlib import Path
from typing import Annotated

import typer

from cli.client import Json, segment
from cli.declaring import command
from cli.failures import Exit, Failure, NoSuch
from cli.render import billing as render
from cli.session import Session

PaymentMethod = Annotated[
    str | None, typer.Option("--payment-method", metavar="PM", help="The provider's name of it (pm_…); else the one that was charged last.")
]
Number = Annotated[str, typer.Argument(metavar="INVOICE", help="Its number or id.")]
PAUSE = 0.4
PATIENCE = 60.0


def declare(app: typer.Typer) -> None:
    command(app, "plans")(plans)
    command(app, "subscribe")(subscribe)
    command(app, "subscription")(subscription)
    command(app, "unsubscribe")(unsubscribe)
    command(app, "resume")(resume)
    command(app, "invoice")(invoice)
    invoices = typer.Typer(no_args_is_help=True, help="Issued invoices: list, show, pdf, pay.")
    app.add_typer(invoices, name="invoices")
    command(invoices, "list")(list_invoices)
    command(invoices, "show")(show_invoice)
    command(invoices, "pdf")(pdf)
    command(invoices, "pay")(pay)
    command(app, "usage")(usage)
    command(app, "quota")(quota)


def plans(session: Session) -> None:
    """The plans on offer: what they cost, include and allow."""
    found = session.anyone.get("/v1/billing/plans")["plans"]
    session.output.show(found, render.plans(found))


def subscribe(
    session: Session,
    plan: Annotated[str, typer.Argument(help="The plan's code, as `capsule plans` shows it.")],
    payment_method: PaymentMethod = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for the payment.")] = False,
) -> None:
    """Choose a plan: upwards as soon as it is paid for, downwards when the period ends."""
    body = {"plan": plan} | ({"paymentMethod": payment_method} if payment_method else {})
    accepted = session.api.post("/v1/billing/subscription", body)
    if accepted["status"] != "pending" or detach:
        session.output.show(accepted, render.accepted(accepted))
        return
    session.output.note(render.accepted(accepted))
    found = _settled(session, accepted)
    payment = found["lastPayment"] or {}
    session.output.show(found, *([render.subscription(found)] if found["plan"] == accepted["plan"] else []))
    if found["plan"] != accepted["plan"]:
        raise Failure("The payment failed", payment.get("detail") or "", hint=f"capsule subscribe {plan} --payment-method another", exit=Exit.REFUSED)


def subscription(session: Session) -> None:
    """Your plan: what it allows, what comes next, and how the last payment went."""
    found = session.api.get("/v1/billing/subscription")
    session.output.show(found, render.subscription(found))


def unsubscribe(session: Session) -> None:
    """Leave the paid plan when the period that is paid for ends."""
    accepted = session.api.delete("/v1/billing/subscription")
    session.output.show(accepted, render.accepted(accepted))


def resume(session: Session) -> None:
    """Stay after all: a change that waits for the period's end is taken back."""
    accepted = session.api.post("/v1/billing/subscription/resume")
    session.output.show(accepted, render.accepted(accepted))


def invoice(session: Session) -> None:
    """What the running period has cost so far."""
    bill = session.api.get("/v1/billing/current")
    session.output.show(bill, *render.bill(bill, _names(session)))


def list_invoices(session: Session) -> None:
    """Your invoices, the newest first."""
    found = _invoices(session)
    session.output.show(found, render.invoices(found))


def show_invoice(session: Session, invoice: Number) -> None:
    """One invoice with its lines and payments."""
    found = session.api.get(f"/v1/billing/invoices/{segment(_id(session, invoice))}")
    session.output.show(found, *render.invoice(found))


def pdf(
    session: Session,
    invoice: Number,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; else invoice-NUMBER.pdf here.")] = None,
) -> None:
    """Save an invoice as a PDF."""
    found = session.api.get(f"/v1/billing/invoices/{segment(_id(session, invoice))}")
    path = output or Path(f"invoice-{found['number']}.pdf")
    path.write_bytes(session.api.request("GET", f"/v1/billing/invoices/{found['invoiceId']}/pdf").content)
    session.output.show({"invoiceId": found["invoiceId"], "path": str(path)}, str(path))


def pay(session: Session, invoice: Number, payment_method: PaymentMethod = None) -> None:
    """Pay an open invoice now, perhaps with another payment method."""
    body = {"paymentMethod": payment_method} if payment_method else {}
    accepted = session.api.post(f"/v1/billing/invoices/{segment(_id(session, invoice))}/payment", body)
    session.output.show(accepted, "The payment is under way: capsule invoices show " + invoice)


def usage(session: Session) -> None:
    """What was measured in the running period, and how much of it the plan includes."""
    bill = session.api.get("/v1/billing/current")
    measured = {"period": bill["period"], "charges": bill["charges"], "lines": bill["lines"]}
    session.output.show(measured, render.usage(bill), "", render.lines(bill, _names(session)))


def quota(session: Session) -> None:
    """How much you may run, and how much of it is used."""
    found = session.api.get("/v1/quota")
    session.output.show(found, render.quota(found))


def _settled(session: Session, accepted: Json) -> Json:
    """The subscription once the payment's outcome is known."""
    end = time.monotonic() + PATIENCE
    with session.output.progress("waiting for the payment"):
        while True:
            found = session.api.get("/v1/billing/subscription")
            if not (found["next"] and found["next"]["pending"]):
                return found
            if time.monotonic() > end:
                raise Failure("The payment's outcome is not known yet", hint="capsule subscription", exit=Exit.UNAVAILABLE)
            time.sleep(PAUSE)


def _invoices(session: Session) -> list[Json]:
    found: list[Json] = []
    before = None
    while True:
        page = session.api.get("/v1/billing/invoices", before=before, limit=100)
        found.extend(page["invoices"])
        before = page["next"]
        if not before:
            return found


def _id(session: Session, named: str) -> str:
    """Of an invoice by its number; an id is one already."""
    for each in _invoices(session):
        if named in (each["number"], each["invoiceId"]):
            return str(each["invoiceId"])
    raise NoSuch(f"You have no invoice {named!r}", hint="capsule invoices list")


def _names(session: Session) -> dict[str, str]:
    """The bill knows applications by their ids; deleted ones have no name any more."""
    if session.output.as_json:
        return {}
    return {each["id"]: each["name"] for each in session.api.pages("/v1/apps", limit=100)}
