"""`./taskw advance-billing`: days add up, are stored, and are refused beside an account at Stripe."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from knative.machine import keys
from knative.machine.billing_clock import advance
from knative.machine.home import Home, Ports
from knative.machine.problems import Problem


def home_in(path: Path, **environment: str) -> Home:
    return Home(path, Ports(0), environment)


def test_days_add_up_and_reach_billing(tmp_path: Path) -> None:
    home, output = home_in(tmp_path), StringIO()
    assert keys.billing_clock_settings(home) == {}
    for days in (32, 12):
        advance(home, days, Console(file=output))
    assert keys.billing_clock_settings(home) == {"CAPSULE_BILLING_DAYS_AHEAD": "44"}
    assert "44 days ahead" in output.getvalue()


@pytest.mark.parametrize("days", [0, -3, 3661])
def test_the_clock_never_goes_back_nor_too_far(tmp_path: Path, days: int) -> None:
    with pytest.raises(Problem, match="not a number of days from 1 to 3660"):
        advance(home_in(tmp_path), days, Console(file=StringIO()))


def test_an_account_at_stripe_and_a_clock_that_is_ahead_exclude_each_other(tmp_path: Path) -> None:
    with_account = home_in(tmp_path, CAPSULE_STRIPE_API_KEY="sk_live_1")
    with pytest.raises(Problem, match="real time"):
        advance(with_account, 1, Console(file=StringIO()))
    assert not with_account.billing_days_ahead.exists()
    advance(home_in(tmp_path), 1, Console(file=StringIO()))
    with pytest.raises(Problem, match="cannot charge real money"):
        keys.billing_clock_settings(with_account)
