"""E-mails about the use and the standing of an account."""

from collections.abc import Mapping
from datetime import datetime
from uuid import uuid5

from events.billing import UsageThresholdReached
from events.deploy import AccountStandingChanged
from functions.billing.domain.allowances import EXHAUSTED_PERCENT
from functions.billing.domain.customers import Customer
from functions.billing.domain.plans import MIB_SECONDS_PER_GIB_HOUR, Meter
from functions.runtime.email.message import OutgoingEmail
from functions.wire.email_layout import Block, Command, render

CPU_MILLISECONDS_PER_MINUTE = 60_000
STORAGE: Mapping[str, str] = {
    Meter.DATABASE_MIB_SECONDS: "databases",
    Meter.REDIS_MIB_SECONDS: "Redis memory",
    Meter.VOLUME_MIB_SECONDS: "volumes",
    Meter.BACKUP_MIB_SECONDS: "backups",
}


def usage_threshold_email(reached: UsageThresholdReached, customer: Customer, grace_hours: float) -> OutgoingEmail:
    used, included, unit = *(_quantity(reached.meter, each) for each in (reached.used, reached.included)), _unit(reached.meter)
    until = _day(reached.period_end)
    is_exhausted = reached.percent >= EXHAUSTED_PERCENT
    blocks: list[Block] = [f"You have used {used} of the {included} {unit} that your {reached.plan} plan includes until {until}."]
    if is_exhausted:
        blocks.append(
            f"Nothing new starts until then. What runs goes on for {grace_hours:g} hours. Then Capsule scales it to zero until {until}. "
            "Nothing is deleted."
        )
    else:
        blocks.append("When all of it is used, nothing new starts, and Capsule scales what runs to zero after a grace period.")
    blocks += ["A larger plan has no such limit:", Command("capsule plans"), "See your use and your limits:", Command("capsule quota")]
    subject = f"Capsule: you have used {'all' if is_exhausted else f'{reached.percent} %'} of your included {_meter(reached.meter)}"
    intent = uuid5(customer.id, f"{reached.meter} {reached.percent} {reached.period_end.isoformat()}")
    return OutgoingEmail(intent, customer.email, subject, *render(blocks))


def account_standing_email(changed: AccountStandingChanged, customer: Customer) -> OutgoingEmail:
    extent = "the newest environments beyond your plan" if changed.restriction == "over-quota" else "everything that runs"
    blocks: list[Block]
    match changed.standing:
        case "restricted":
            subject = "Capsule: nothing new starts in your account"
            until = f"on {_day(changed.pauses_at)} at {changed.pauses_at:%H:%M} UTC" if changed.pauses_at else "after the grace period"
            blocks = [changed.detail, f"Nothing new starts. Capsule scales {extent} to zero {until}. Nothing is deleted."]
        case "paused":
            subject = "Capsule: your applications are paused"
            ends = "It runs again by itself when the reason ends."
            blocks = [changed.detail, f"The grace period is over, and Capsule has scaled {extent} to zero. Nothing is deleted. {ends}"]
        case _:
            subject = "Capsule: your account is no longer restricted"
            blocks = ["Your account is no longer restricted. What was paused runs again, and you can deploy."]
    if changed.restriction == "subscription-suspended":
        blocks += ["Pay the open invoice:", Command("capsule invoices list"), Command("capsule invoices pay NUMBER")]
    elif changed.restriction is not None:
        blocks += ["Change to a larger plan, or use less:", Command("capsule plans")]
    blocks += ["See your limits and what is used:", Command("capsule quota")]
    intent = uuid5(customer.id, f"{changed.standing} {changed.restriction} {changed.at.isoformat()}")
    return OutgoingEmail(intent, customer.email, subject, *render(blocks))


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y}"


def _quantity(meter: str, units: int) -> str:
    if meter in STORAGE:
        return f"{units / MIB_SECONDS_PER_GIB_HOUR:,.1f}"
    return f"{units / CPU_MILLISECONDS_PER_MINUTE:,.1f}" if meter == Meter.CPU_MILLISECONDS else f"{units:,}"


def _unit(meter: str) -> str:
    if meter in STORAGE:
        return f"GiB hours of {STORAGE[meter]}"
    return "CPU minutes" if meter == Meter.CPU_MILLISECONDS else _meter(meter)


def _meter(meter: str) -> str:
    if meter in STORAGE:
        return STORAGE[meter]
    return "CPU time" if meter == Meter.CPU_MILLISECONDS else meter.replace("_", " ")
