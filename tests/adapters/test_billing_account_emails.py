"""E-mails about the use and the standing of an account."""

from datetime import UTC, datetime, timedelta

import pytest

from events.billing import UsageThresholdReached
from events.deploy import AccountStandingChanged
from tests.adapters.test_billing_emails import NOW, Mailbox, box, new_customer

__all__ = ["box"]


@pytest.mark.parametrize(
    ("meter", "used", "percent", "subject", "texts"),
    [
        ("requests", 81_000, 80, "you have used 80 % of your included requests", ["81,000 of the 100,000 requests", "until 20 June 2026"]),
        ("cpu_milliseconds", 3_660_000, 100, "you have used all of your included CPU time", ["61.0 of the 60.0 CPU minutes", "goes on for 24 hours"]),
    ],
)
async def test_a_threshold_says_what_is_used_and_what_follows(
    box: Mailbox, meter: str, used: int, percent: int, subject: str, texts: list[str]
) -> None:
    included = {"requests": 100_000, "cpu_milliseconds": 3_600_000}[meter]
    customer, until = new_customer(), datetime(2026, 6, 20, tzinfo=UTC)
    reached = UsageThresholdReached(
        customer_id=customer.id, user_id=customer.user_id, plan="free", meter=meter, percent=percent, used=used, included=included,
        period_end=until, at=NOW,
    )  # fmt: skip
    await box.mailer.send_usage_threshold(reached, customer)
    text = " ".join(box.lines())
    assert subject in box.message()["Subject"] and all(each in text for each in [*texts, "capsule plans", "capsule quota"]), text


@pytest.mark.parametrize(
    ("standing", "restriction", "subject", "texts"),
    [
        (
            "restricted",
            "over-quota",
            "nothing new starts",
            ["the newest environments beyond your plan", "16 June 2026 at 12:00 UTC", "capsule plans"],
        ),
        ("paused", "subscription-suspended", "your applications are paused", ["everything that runs", "capsule invoices pay NUMBER"]),
        ("good", None, "no longer restricted", ["runs again"]),
    ],
)
async def test_a_standing_says_why_and_what_follows(box: Mailbox, standing: str, restriction: str | None, subject: str, texts: list[str]) -> None:
    customer, pauses_at = new_customer(), NOW + timedelta(days=1)
    changed = AccountStandingChanged(user_id=customer.user_id, standing=standing, restriction=restriction, detail="Why.", pauses_at=pauses_at, at=NOW)
    await box.mailer.send_account_standing(changed, customer)
    text = " ".join(box.lines())
    assert subject in box.message()["Subject"] and all(each in text for each in texts), text
