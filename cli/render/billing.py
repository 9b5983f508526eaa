"""Bills and what they are made of."""

from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli.render.words import day, facts, grid, money

Json = dict[str, Any]


def bill(bill: Json, names: dict[str, str]) -> list[RenderableType]:
    plan, period = bill["plan"], bill["period"]
    head = Text(f"{day(period['begin'])} to {day(period['end'])}, plan ").append(plan["name"], "bold").append(f", {money(plan['fee'])} a month")
    return [head, "", lines(bill, names), "", Text("to pay so far ") + Text(money(bill["total"]), "bold")]


def lines(bill: Json, names: dict[str, str]) -> RenderableType:
    if not bill["lines"]:
        return "Nothing was measured yet."
    table = grid("application", "environment", "requests", "CPU seconds", "amount", right=("requests", "CPU seconds", "amount"))
    for line in bill["lines"]:
        name = names.get(line["applicationId"], line["applicationId"])
        cpu = f"{line['cpuMilliseconds'] / 1000:.3f}"
        table.add_row(escape(name), line["environment"], str(line["requests"]), cpu, money(line["amount"]))
    return table


def usage(bill: Json) -> Table:
    table = grid("meter", "used", "included", "to pay for", "amount", right=("used", "included", "to pay for", "amount"))
    for charge in bill["charges"]:
        table.add_row(charge["meter"], str(charge["quantity"]), str(charge["included"]), str(charge["billable"]), money(charge["amount"]))
    return table


def quota(found: Json) -> Table:
    applications = found["applications"]
    return facts(("applications", f"{applications['used']} of {applications['limit']}"), ("memory", f"{found['memoryMib']} MiB"))
