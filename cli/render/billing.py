"""Bills and what they are made of."""

from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli.render.words import day, facts, grid, moment, money, state

Json = dict[str, Any]


def plans(items: list[Json]) -> Table:
    table = grid("plan", "name", "a month", "applications", "memory", "included", right=("a month", "applications", "memory"))
    for each in items:
        allowed = each["allowed"]
        included = ", ".join(quantity(price["meter"], price["included"]) for price in each["prices"])
        code = Text(each["code"], "bold")
        table.add_row(code, each["name"], money(each["fee"]), str(allowed["applications"]), f"{allowed['memoryMib']} MiB", included)
    return table


def quantity(meter: str, count: int) -> str:
    return f"{count / 1000:g} CPU seconds" if meter == "cpu_milliseconds" else f"{count} {meter.replace('_', ' ')}"


def accepted(accepted: Json) -> str:
    match accepted["status"]:
        case "pending":
            return f"Plan {accepted['plan']} begins as soon as {money(accepted['due'])} are paid."
        case "scheduled":
            return f"Plan {accepted['plan']} begins on {day(accepted['takesEffectAt'])}."
    return f"Your plan is {accepted['plan']}."


def subscription(found: Json) -> Table:
    allowed, coming, payment = found["allowed"], found["next"], found["lastPayment"]
    rows: list[tuple[str, str | Text]] = [
        ("plan", Text(found["plan"], "bold") + Text(f", {money(found['fee'])} a month")),
        ("status", state(found["status"])),
        ("period", f"{day(found['period']['begin'])} to {day(found['period']['end'])}"),
        ("allows", f"{allowed['applications']} applications, {allowed['memoryMib']} MiB of memory"),
    ]
    if coming:
        when = "when it is paid" if coming["pending"] else f"on {day(coming['beginsAt'])}"
        rows.append(("next", f"{coming['plan']}, {when}"))
    if payment:
        detail = f": {payment['detail']}" if payment["detail"] else ""
        rows.append(("last payment", f"{money(payment['amount'])} {payment['status']}{detail}"))
    return facts(*rows)


def invoices(items: list[Json]) -> RenderableType:
    if not items:
        return "No invoice yet; `capsule invoice` shows what the running period has cost so far."
    table = grid("number", "status", "issued", "plan", "for", "total", right=("total",))
    for each in items:
        period = f"{day(each['period']['begin'])} to {day(each['period']['end'])}"
        table.add_row(Text(each["number"], "bold"), state(each["status"]), moment(each["issuedAt"]), each["plan"], period, money(each["total"]))
    return table


def invoice(found: Json) -> list[RenderableType]:
    head: list[tuple[str, str | Text]] = [
        ("number", Text(found["number"], "bold")),
        ("status", state(found["status"])),
        ("issued", moment(found["issuedAt"])),
        ("settled", moment(found["settledAt"])),
    ]
    if payment := found["payment"]:
        head.append(("payment", f"{payment['status']}, try {payment['attempt']}" + (f": {payment['detail']}" if payment["detail"] else "")))
    table = grid("what", "quantity", "amount", right=("quantity", "amount"))
    for line in found["lines"]:
        table.add_row(Text(line["description"]), str(line["quantity"]), money(line["amount"]))
    for credit in found["credits"]:
        table.add_row(Text(f"credit note {credit['number']}: {credit['reason']}, {credit['status']}"), "", f"-{money(credit['amount'])}")
    return [facts(*head), "", table, "", Text("total ") + Text(money(found["total"]), "bold")]


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
    applications, memory = found["applications"], found["memoryMib"]
    return facts(("applications", f"{applications['used']} of {applications['limit']}"), ("memory", f"{memory['used']} of {memory['limit']} MiB"))
