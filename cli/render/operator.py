"""Customers, invoices and payments of everybody."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.render.formats import age, money, status_text
from cli.render.tables import Column, Table

Json = Mapping[str, Any]


def customers(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No customers.")
    table = Table(
        Column("e-mail"), Column("plan"), Column("status", drop=1), Column("owes", is_right=True), Column("account", drop=3),
        Column("since", drop=2), Column("id"),
    )  # fmt: skip
    for each in items:
        owes = ", ".join(money(amount) for amount in each["owes"]) or "-"
        status = status_text(each["status"]) if each["status"] else "-"
        table.add_row(
            Text(each["email"], "bold"), each["plan"] or "-", status, owes, each["paymentAccount"], age(each["createdAt"]), each["customerId"]
        )
    return table


def invoices(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No invoices.")
    table = Table(
        Column("number"), Column("e-mail"), Column("status"), Column("issued", drop=1), Column("purpose", drop=2), Column("total", is_right=True)
    )
    for each in items:
        credited = f"credited {money(each['credited'])}" if each["credited"]["amount"] else ""
        table.add_row(
            Text(each["number"], "bold"),
            each["email"],
            status_text(each["status"]),
            age(each["issuedAt"]),
            each["purpose"],
            money(each["total"]),
            details=[credited],
        )
    return table


def payments(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No payments.")
    table = Table(
        Column("e-mail"), Column("status"), Column("created", drop=1), Column("attempt", drop=3, is_right=True), Column("provider id", drop=2),
        Column("amount", is_right=True),
    )  # fmt: skip
    for each in items:
        disputes = [f"dispute {one['providerId']}: {one['status']}, {money(one['amount'])}, {one['reason']}" for one in each["disputes"]]
        table.add_row(
            Text(each["email"], "bold"),
            status_text(each["status"]),
            age(each["createdAt"]),
            str(each["attempt"]),
            each["providerId"] or "-",
            money(each["amount"]),
            details=[each["detail"] or "", *disputes],
        )
    return table


def refund(view: Json) -> Text:
    return Text(f"✓ Credit note {view['number']} for {money(view['amount'])}. The refund is {view['status']}.")
