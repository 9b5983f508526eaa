"""The subscription to a plan: show, change, cancel, resume, and its payment method."""

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from cli.client import Json
from cli.completion import plan_codes
from cli.declaration import command, subcommands
from cli.failures import ExitCode, Failure
from cli.options import PaymentMethod
from cli.render import billing as render
from cli.session import Session
from cli.team_lookup import Team, of_team

POLL_SECONDS = 0.4
PAYMENT_TIMEOUT_SECONDS = 60.0


def declare(app: typer.Typer) -> None:
    subscription = subcommands(app, "subscription", "Show, change, cancel or resume your plan.")
    command(subscription, "show")(show)
    command(subscription, "change")(change)
    command(subscription, "cancel")(cancel)
    command(subscription, "resume")(resume)
    command(subscription, "payment-method")(payment_method)


def show(session: Session, team: Team = None) -> None:
    """Show your plan, its limits and the last payment."""
    view = session.api.get("/v1/billing/subscription", **of_team(session, team))
    session.output.show(view, render.subscription(view))
    session.output.next_step("capsule plans", "capsule subscription change PLAN")


def change(
    session: Session,
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="Code of the plan, as `capsule plans` lists it.", autocompletion=plan_codes)],
    payment_method: PaymentMethod = None,
    team: Team = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for the payment.")] = False,
) -> None:
    """Change your plan.

    Upgrades start after payment, downgrades at period end.
    """
    chosen = of_team(session, team)
    body = {"plan": plan, **chosen} | ({"paymentMethod": payment_method} if payment_method else {})
    accepted = session.api.post("/v1/billing/subscription", body)
    if accepted["status"] != "pending" or detach:
        session.output.show(accepted, render.accepted(accepted))
        session.output.next_step("capsule subscription show")
        return
    session.output.note(render.accepted(accepted))
    view = _wait_for_payment(session, chosen)
    if view["plan"] != accepted["plan"]:
        session.output.show(view)
        detail = (view["lastPayment"] or {}).get("detail") or ""
        hint = f"capsule subscription change {plan} --payment-method ID"
        raise Failure("The payment failed", detail, hint=hint, exit_code=ExitCode.REFUSED)
    session.output.show(view, render.subscription(view))
    session.output.next_step("capsule quota", "capsule invoices list")


def cancel(session: Session, team: Team = None) -> None:
    """Cancel your paid plan at the end of the period."""
    accepted = session.api.call("DELETE", "/v1/billing/subscription", query=of_team(session, team))
    session.output.show(accepted, *render.cancelled(accepted))
    if accepted["takesEffectAt"]:
        session.output.next_step("capsule subscription resume   (undoes it)")
    else:
        session.output.next_step("capsule invoices list")


def resume(session: Session, team: Team = None) -> None:
    """Undo a pending cancellation or downgrade."""
    accepted = session.api.post("/v1/billing/subscription/resume", of_team(session, team))
    session.output.show(accepted, render.accepted(accepted))
    session.output.next_step("capsule subscription show")


def payment_method(
    session: Session,
    method: Annotated[
        str | None, typer.Argument(metavar="ID", help="New payment method at the provider (pm_…). Without it, the current one is shown.")
    ] = None,
    team: Team = None,
) -> None:
    """Show or replace your payment method.

    Nothing is paid.
    """
    path, chosen = "/v1/billing/payment-method", of_team(session, team)
    if method is not None:
        change_id = session.api.put(path, {"paymentMethod": method, **chosen})["changeId"]
        view = _wait(
            session,
            path,
            chosen,
            lambda view: view["lastChange"] and view["lastChange"]["changeId"] == change_id and view["lastChange"]["status"] != "pending",
            "waiting for the payment provider",
            Failure("The payment provider has not answered yet", hint="capsule subscription payment-method", exit_code=ExitCode.UNAVAILABLE),
        )
        if view["lastChange"]["status"] == "failed":
            raise Failure("The payment method was not accepted", view["lastChange"]["detail"], exit_code=ExitCode.REFUSED)
    else:
        view = session.api.get(path, **chosen)
    session.output.show(view, render.payment_method(view))
    session.output.next_step("capsule subscription show")


def _wait_for_payment(session: Session, team: dict[str, str]) -> Json:
    """Return the subscription once the payment has succeeded or failed.

    Raises:
        Failure: neither happened within a minute.
    """
    return _wait(
        session,
        "/v1/billing/subscription",
        team,
        lambda view: not (view["next"] and view["next"]["pending"]),
        "waiting for the payment",
        Failure("The payment is still pending", hint="capsule subscription show", exit_code=ExitCode.UNAVAILABLE),
    )


def _wait(session: Session, path: str, team: dict[str, str], is_done: Callable[[Json], Any], progress: str, failure: Failure) -> Json:
    """Return the document of `path` once it is done. Raises `failure` after a minute."""
    deadline = time.monotonic() + PAYMENT_TIMEOUT_SECONDS
    with session.output.progress(progress):
        while True:
            view = session.api.get(path, **team)
            if is_done(view):
                return view
            if time.monotonic() > deadline:
                raise failure
            time.sleep(POLL_SECONDS)
