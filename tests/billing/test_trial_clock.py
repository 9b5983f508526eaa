"""Billing's clock for trying: ahead by the days of the setting, and never where payments go to Stripe."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.billing.adapters.trial_clock import trial_clock
from functions.runtime.config.settings import Settings
from functions.wire.settings import InvalidSetting

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
STAND_IN = {"CAPSULE_STRIPE_API_BASE": "http://127.0.0.1:7081"}


class FixedClock:
    def now(self) -> datetime:
        return NOW


def test_it_is_ahead_by_the_days_of_the_setting() -> None:
    settings = Settings({"CAPSULE_BILLING_DAYS_AHEAD": "32", **STAND_IN})
    assert trial_clock(settings, FixedClock()).now() == NOW + timedelta(days=32)


@pytest.mark.parametrize("days", [None, "", "0"])
def test_without_days_it_is_the_clock_of_the_system(days: str | None) -> None:
    clock = FixedClock()
    assert trial_clock(Settings({} if days is None else {"CAPSULE_BILLING_DAYS_AHEAD": days}), clock) is clock


@pytest.mark.parametrize("base", [None, "https://api.stripe.com", "https://API.Stripe.com:443/", "https://stripe.com"])
def test_it_is_refused_where_payments_go_to_stripe(base: str | None) -> None:
    settings = {"CAPSULE_BILLING_DAYS_AHEAD": "1"} | ({} if base is None else {"CAPSULE_STRIPE_API_BASE": base})
    with pytest.raises(InvalidSetting, match="moves money"):
        trial_clock(Settings(settings), FixedClock())


@pytest.mark.parametrize("days", ["-1", "3661", "1.5", "a month"])
def test_other_values_are_refused(days: str) -> None:
    with pytest.raises(InvalidSetting):
        trial_clock(Settings({"CAPSULE_BILLING_DAYS_AHEAD": days, **STAND_IN}), FixedClock())
