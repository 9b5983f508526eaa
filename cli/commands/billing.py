"""What it costs: the running bill, what was measured, and how much one may run."""

import typer

from cli.declaring import command
from cli.render import billing as render
from cli.session import Session


def declare(app: typer.Typer) -> None:
    command(app, "invoice")(invoice)
    command(app, "usage")(usage)
    command(app, "quota")(quota)


def invoice(session: Session) -> None:
    """What the running period has cost so far."""
    bill = session.api.get("/v1/billing/current")
    session.output.show(bill, *render.bill(bill, _names(session)))


def usage(session: Session) -> None:
    """What was measured in the running period, and how much of it the plan includes."""
    bill = session.api.get("/v1/billing/current")
    measured = {"period": bill["period"], "charges": bill["charges"], "lines": bill["lines"]}
    session.output.show(measured, render.usage(bill), "", render.lines(bill, _names(session)))


def quota(session: Session) -> None:
    """How much you may run, and how much of it is used."""
    found = session.api.get("/v1/quota")
    session.output.show(found, render.quota(found))


def _names(session: Session) -> dict[str, str]:
    """The bill knows applications by their ids; destroyed ones have no name any more."""
    if session.output.as_json:
        return {}
    return {each["id"]: each["name"] for each in session.api.pages("/v1/apps", limit=100)}
