"""Name, address and VAT number on invoices to come."""

from typing import Annotated

import typer

from cli.client import Json
from cli.declaration import command
from cli.render import billing_details as render
from cli.session import Session
from cli.team_lookup import Team, of_team


def declare(app: typer.Typer) -> None:
    command(app, "billing-details")(billing_details)


def billing_details(
    session: Session,
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="Person or company that pays.")] = None,
    address: Annotated[
        list[str] | None,
        typer.Option("--address", metavar="TEXT", help="A line of the address: street, postal code and city. Repeat it for each line."),
    ] = None,
    country: Annotated[str | None, typer.Option("--country", metavar="CODE", help="Two letters, such as DE.")] = None,
    vat_id: Annotated[
        str | None, typer.Option("--vat-id", metavar="CODE", help="VAT number of a business, such as DE123456789; '' removes it.")
    ] = None,
    team: Team = None,
) -> None:
    """Show or change what invoices say about you.

    What you leave out stays. Issued invoices keep what they say.
    """
    chosen = of_team(session, team)
    customer = session.api.get("/v1/billing/customer", **chosen)
    stored: Json = customer["billingDetails"] or {"name": "", "address": [], "country": "", "vatId": None}
    options = {"name": name, "address": address or None, "country": country, "vatId": vat_id}
    changes = {field: value for field, value in options.items() if value is not None}
    if not changes:
        session.output.show(customer["billingDetails"], render.billing_details(customer["billingDetails"], customer["email"]))
        return
    view = session.api.put("/v1/billing/details", {**stored, **changes, **chosen})
    session.output.show(view, render.billing_details(view, customer["email"]))
    session.output.next_step("capsule invoices list")
