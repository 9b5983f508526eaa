"""Plans, the subscription, the current bill, invoices, usage and quota."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from cli.render.formats import (
    STORAGE,
    age,
    count,
    cpu_seconds,
    day,
    gib_hours,
    local_time,
    money,
    not_measured,
    period,
    quantity,
    status_text,
    time_and_age,
)
from cli.render.tables import Column, Facts, Prose, Table

Json = Mapping[str, Any]
STORED = {"dataServices": "data services", "volumes": "volumes", "backups": "backups and snapshots"}
METER_NAMES = {"cpu_milliseconds": "CPU seconds", **{meter: f"{name}, GiB hours" for meter, name in STORAGE.items()}}


def plans(items: Sequence[Json]) -> Table:
    table = Table(
        Column("plan"), Column("name", drop=3), Column("a month", is_right=True), Column("applications", drop=2, is_right=True),
        Column("memory", drop=1, is_right=True),
    )  # fmt: skip
    for each in items:
        allowed = each["allowed"]
        included = ", ".join(quantity(price["meter"], price["included"]) for price in each["prices"])
        table.add_row(
            Text(each["code"], "bold"),
            each["name"],
            money(each["fee"]),
            count(allowed["applications"]),
            f"{count(allowed['memoryMib'])} MiB",
            details=[f"includes {included}" if included else "", f"stores {_allowed_storage(allowed)}"],
        )
    return table


def _allowed_storage(allowed: Json) -> str:
    sizes = (f"{count(allowed[name])} {label} of {count(allowed[f'{name}Mib'])} MiB together" for name, label in STORED.items())
    return ", ".join(sizes)


def accepted(view: Json) -> Text:
    """Return the answer to a change of the plan."""
    match view["status"]:
        case "pending":
            return Text(f"Plan {view['plan']} starts after the payment of {money(view['due'])}.")
        case "scheduled":
            return Text(f"Plan {view['plan']} starts on {day(view['takesEffectAt'])}.")
    return Text(f"✓ Your plan is {view['plan']}.")


def cancelled(view: Json) -> list[RenderableType]:
    """Return the answer to a cancellation: when it takes effect, and what is owed."""
    begins = f"starts on {day(view['takesEffectAt'])}" if view["takesEffectAt"] else "is your plan now"
    owed = [f"You owe {money(each['total'])}: capsule invoices pay {each['number']}" for each in view["openInvoices"]]
    return [Text(f"✓ Plan {view['plan']} {begins}."), *(Text(each) for each in owed or ["Nothing is due."])]


def payment_method(view: Json) -> RenderableType:
    facts: list[tuple[str, str | Text]] = [("payment method", view["paymentMethod"] or "none")]
    if change := view["lastChange"]:
        detail = f": {change['detail']}" if change["detail"] else ""
        facts.append(("last change", f"{change['paymentMethod']} {change['status']}{detail}"))
    return Facts(*facts)


def subscription(view: Json) -> RenderableType:
    allowed, coming, payment = view["allowed"], view["next"], view["lastPayment"]
    facts: list[tuple[str, str | Text]] = [
        ("plan", Text.assemble((view["plan"], "bold"), f", {money(view['fee'])} a month")),
        ("status", status_text(view["status"])),
        ("period", period(view["period"])),
        ("allows", f"{count(allowed['applications'])} applications, {count(allowed['memoryMib'])} MiB of memory"),
        ("stores", _allowed_storage(allowed)),
    ]
    if coming:
        starts = "after the payment" if coming["pending"] else f"on {day(coming['beginsAt'])}"
        facts.append(("next plan", f"{coming['plan']}, {starts}"))
    if payment:
        detail = f": {payment['detail']}" if payment["detail"] else ""
        facts.append(("last payment", f"{money(payment['amount'])} {payment['status']}{detail}"))
    return Facts(*facts)


def invoices(items: Sequence[Json]) -> RenderableType:
    if not items:
        return Text("No invoices yet.")
    table = Table(
        Column("number"), Column("status"), Column("issued", drop=2), Column("plan", drop=3), Column("period", drop=1),
        Column("total", is_right=True),
    )  # fmt: skip
    for each in items:
        number = Text(each["number"], "bold")
        table.add_row(
            number,
            status_text(each["status"]),
            age(each["issuedAt"]),
            each["plan"],
            period(each["period"]),
            money(each["total"]),
            details=[f"credited {money(each['credited'])}" if each["credited"]["amount"] else ""],
        )
    return table


def invoice(view: Json) -> list[RenderableType]:
    facts: list[tuple[str, str | Text]] = [
        ("number", Text(view["number"], "bold")),
        ("status", status_text(view["status"])),
        ("issued", time_and_age(view["issuedAt"])),
        ("settled", time_and_age(view["settledAt"])),
    ]
    if payment := view["payment"]:
        detail = f": {payment['detail']}" if payment["detail"] else ""
        facts.append(("payment", f"{payment['status']}, attempt {payment['attempt']}{detail}"))
    table = Table(Column("description"), Column("quantity", drop=1, is_right=True), Column("amount", is_right=True))
    for line in view["lines"]:
        used = f"{gib_hours(line['quantity'])} GiB hours" if line["meter"] in STORAGE else count(line["quantity"])
        table.add_row(line["description"], used, money(line["amount"]))
    for credit in view["credits"]:
        detail = f": {credit['detail']}" if credit["detail"] else ""
        table.add_row(f"credit note {credit['number']}: {credit['reason']}, refund {credit['status']}{detail}", "", f"-{money(credit['amount'])}")
    for dispute in view["disputes"]:
        table.add_row(f"dispute of {day(dispute['openedAt'])}: {dispute['reason']}, {dispute['status']}", "", f"-{money(dispute['amount'])}")
    return [Facts(*facts), "", table, "", Text.assemble("Total ", (money(view["total"]), "bold"))]


def bill(view: Json, names: dict[str, str]) -> list[RenderableType]:
    """Return the current bill. `names` has the names of applications that the bill does not name."""
    plan, end = view["plan"], view["atPeriodEnd"]
    head = Text.assemble(period(view["period"]), ", plan ", (plan["name"], "bold"), f", {money(plan['fee'])} a month")
    usage = sum(charge["amount"]["amount"] for charge in view["charges"])
    facts: list[tuple[str, str | Text]] = [("cost so far", Text(money(view["total"]), "bold")), ("  in advance", money(view["advance"]))]
    if view["credited"]["amount"]:
        facts.append(("  credited", money(_negative(view["credited"]))))
    facts += [("  usage", money({**view["total"], "amount": usage})), ("paid", money(view["paid"]))]
    if view["credited"]["amount"]:
        facts.append(("refunded", money(view["refunded"])))
    if view["disputed"]["amount"]:
        facts.append(("disputed", f"{money(view['disputed'])}, withdrawn by the bank"))
    facts.append(("due now", Text(money(view["due"]), "bold")))
    parts = [f"{money(end['usage'])} usage", f"{money(end['fee'])} plan {end['plan']}"]
    if end["credit"]["amount"]:
        parts.append(f"{money(_negative(end['credit']))} credit")
    facts.append((f"on {day(end['at'])}", f"{money(end['total'])} ({', '.join(parts)})"))
    return [Prose(head), "", lines(view, names), "", Facts(*facts)]


def _negative(amount: Json) -> Json:
    return {**amount, "amount": -amount["amount"]}


def lines(view: Json, names: dict[str, str]) -> RenderableType:
    if not view["lines"]:
        return Text("No usage yet.")
    table = Table(
        Column("application"), Column("environment"), Column("requests", is_right=True), Column("CPU seconds", drop=1, is_right=True),
        Column("amount", is_right=True),
    )  # fmt: skip
    for line in view["lines"]:
        name = line["application"] or names.get(line["applicationId"], line["applicationId"])
        if line["isDeleted"]:
            name = f"{name} (deleted)"
        if line["environment"]:
            requests, cpu, stored = count(line["requests"]), cpu_seconds(line["cpuMilliseconds"]), []
        else:
            requests, cpu, stored = "", "", [quantity(meter, used) for meter in STORAGE if (used := line[_camel(meter)])]
        table.add_row(name, line["environment"] or "storage", requests, cpu, money(line["amount"]), details=stored)
    measured = [datetime.fromisoformat(line["cpuMeasuredUntil"]) for line in view["lines"] if line["cpuMeasuredUntil"]]
    if not measured:
        return table
    return Group(table, Prose(Text(f"CPU is measured until {local_time(max(measured).isoformat())}; it follows requests by some seconds.", "dim")))


def usage(view: Json) -> Table:
    table = Table(
        Column("meter"), Column("used", is_right=True), Column("included", drop=1, is_right=True), Column("billable", drop=2, is_right=True),
        Column("amount", is_right=True),
    )  # fmt: skip
    for charge in view["charges"]:
        meter = charge["meter"]
        table.add_row(_meter_name(meter), *(_units(meter, charge[name]) for name in CHARGE_FIELDS), money(charge["amount"]))
    return table


CHARGE_FIELDS = ("quantity", "included", "billable")


WARNING_PERCENT = 80


def warnings(quota: Json, bill: Json | None) -> list[str]:
    """Return why nothing new starts, what will soon be the reason, and what the bill lacks; empty if all is well. `bill` None: not known yet."""
    found = []
    if bill and (since := bill.get("notMeasuredSince")):
        found.append(f"{not_measured(since)} The bill lacks the usage since then.")
    if (standing := quota["standing"])["status"] != "good":
        found.append(standing["detail"])
        if standing["status"] == "paused":
            found.append("Nothing new starts, and environments are paused. They run again by themselves when the reason ends.")
        else:
            until = f" What runs goes on until {time_and_age(standing['pausesAt'])}, then it is paused." if standing["pausesAt"] else ""
            found.append(f"Nothing new starts.{until}")
    for charge in bill["charges"] if bill else []:
        if charge["isLimit"] and WARNING_PERCENT * charge["included"] <= 100 * charge["quantity"] < 100 * charge["included"]:
            name, share = _meter_name(charge["meter"]), 100 * charge["quantity"] // charge["included"]
            found.append(f"You have used {share} % of the {name} that your plan includes. Nothing new starts when all of it is used.")
    return found


def quota(view: Json, bill: Json | None) -> RenderableType:
    """Return the limits with what is used. `bill` None: there is none yet."""
    applications, memory = view["applications"], view["memoryMib"]
    charges = bill["charges"] if bill else []
    return Facts(
        ("plan", Text(view["plan"], "bold")),
        ("status", status_text(view["standing"]["status"])),
        ("applications", f"{count(applications['used'])} of {count(applications['limit'])}"),
        ("memory", f"{count(memory['used'])} of {count(memory['limit'])} MiB"),
        *((label, _stored(view[name], view[f"{name}Mib"])) for name, label in STORED.items()),
        *((_meter_name(charge["meter"]), _included_use(charge, bill["period"])) for charge in charges if bill and charge["isLimit"]),
    )


def _stored(number: Json, mib: Json) -> str:
    return f"{count(number['used'])} of {count(number['limit'])}, {count(mib['used'])} of {count(mib['limit'])} MiB"


def _included_use(charge: Json, billed: Json) -> str:
    used, included = _units(charge["meter"], charge["quantity"]), _units(charge["meter"], charge["included"])
    return f"{used} of {included}, {period(billed)}"


def _camel(meter: str) -> str:
    """`volume_mib_seconds` as the API has it: `volumeMibSeconds`."""
    first, *others = meter.split("_")
    return first + "".join(each.capitalize() for each in others)


def _units(meter: str, value: int) -> str:
    if meter in STORAGE:
        return gib_hours(value)
    return cpu_seconds(value) if meter == "cpu_milliseconds" else count(value)


def _meter_name(meter: str) -> str:
    return METER_NAMES.get(meter, meter.replace("_", " "))
