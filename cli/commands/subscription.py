"""The subscription to a plan: show, change, cancel, resume."""

import time
from typing import Annotated

import typer

from cli.client import Json
from cli.completion import plan_codes
from cli.declaration import command, subcommands
from cli.failures import ExitCode, Failure
from cli.options import PaymentMethod
from cli.render import billing as render
from cli.session import Session

POLL_SECONDS = 0.4
PAYMENT_TIMEOUT_SECONDS = 60.0


def declare(app: typer.Typer) -> None:
    subscription = subcommands(app, "subscription", "Show, change, cancel or resume your plan.")
    command(subscription, "show")(show)
    command(subscription, "change")(change)
    command(subscription, "cancel")(cancel)
    command(subscription, "resume")(resume)


def show(session: Session) -> None:
    """Show your plan, its limits and the last payment."""
    view = session.api.get("/v1/billing/subscription")
    session.output.show(view, render.subscription(view))
    session.output.next_step("capsule plans", "capsule subscription change PLAN")


def change(
    session: Session,
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="Code of the plan, as `capsule plans` lists it.", autocompletion=plan_codes)],
    payment_method: PaymentMethod = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for the payment.")] = False,
) -> None:
    """Change your plan.

    Upgrades start after payment, downgrades at period end.
    """
    body = {"plan": plan} | ({"paymentMethod": payment_method} if payment_method else {})
    accepted = session.api.post("/v1/billing/subscription", body)
    if accepted["status"] != "pending" or detach:
        session.output.show(accepted, render.accepted(accepted))
        session.output.next_step("capsule subscription show")
        return
    session.output.note(render.accepted(accepted))
    view = _wait_for_payment(session)
    if view["plan"] != accepted["plan"]:
        session.output.show(view)
        detail = (view["lastPayment"] or {}).get("detail") or ""
        hint = f"capsule subscription change {plan} --payment-method ID"
        raise Failure("The payment failed", detail, hint=hint, exit_code=ExitCode.REFUSED)
    session.output.show(view, render.subscription(view))
    session.output.next_step("capsule quota", "capsule invoices list")


def cancel(session: Session) -> None:
    """Cancel your paid plan at the end of the period."""
    accepted = session.api.delete("/v1/billing/subscription")
    session.output.show(accepted, render.accepted(accepted))
    session.output.next_step("capsule subscription resume   (undoes it)")


def resume(session: Session) -> None:
    """Undo a pending cancellation or downgrade."""
    accepted = session.api.post("/v1/billing/subscription/resume")
    session.output.show(accepted, render.accepted(accepted))
    session.output.next_step("capsule subscription show")


def _wait_for_payment(session: Session) -> Json:
    """Return the subscription once the payment has succeeded or failed.

    Raises:
        Failure: neither happened within a minute.
    """
    deadline = time.monotonic() + PAYMENT_TIMEOUT_SECONDS
    with session.output.progress("waiting for the payment"):
        while True:
            view = session.api.get("/v1/billing/subscription")
            if not (view["next"] and view["next"]["pending"]):
                return view
            if time.monotonic() > deadline:
                raise Failure("The payment is still pending", hint="capsule subscription show", exit_code=ExitCode.UNAVAILABLE)
            time.sleep(POLL_SECONDS)
