"""Prices, periods and bills: pure rules."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from functions.billing.domain.bill import rate
from functions.billing.domain.money import Money
from functions.billing.domain.periods import Period, day_start
from functions.billing.domain.plans import Meter, Plan, Price, Tier
from functions.billing.domain.usage import EnvironmentUsage
from tests.memory.billing import SEEDED

FREE_PLAN, PRO, _ = SEEDED
A, B = UUID(int=1), UUID(int=2)


def tier(up_to: int | None, amount: int, per: int, currency: str = "EUR") -> Tier:
    return Tier(up_to, Money(amount, currency), per)


def moment(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("quantity", "charge"),
    [
        (0, 0),
        (1_000, 0),  # included
        (1_100, 100),  # first tier, one cent per unit
        (1_250, 200 + 25),  # 200 units in the first tier, 50 units at half a cent in the second
        (1_201, 201),  # 200.5 rounds up, once
        (1_203, 202),  # 201.5, not each tier rounded by itself
    ],
)
def test_each_unit_is_charged_by_its_own_tier(quantity: int, charge: int) -> None:
    price = Price(1_000, (tier(200, 1, 1), tier(None, 1, 2)))
    assert price.charge(quantity) == Money(charge, "EUR")
    assert price.billable(quantity) == max(0, quantity - 1_000)


@pytest.mark.parametrize("tiers", [(), (tier(5, 1, 1),), (tier(None, 1, 1), tier(None, 1, 1)), (tier(5, 1, 1), tier(5, 1, 1), tier(None, 1, 1))])
def test_a_price_needs_ascending_tiers_without_a_limit(tiers: tuple[Tier, ...]) -> None:
    with pytest.raises(ValueError):
        Price(0, tiers)


def test_a_price_has_one_currency_and_a_plan_has_a_price_for_each_meter() -> None:
    with pytest.raises(ValueError):
        Price(0, (tier(5, 1, 1), tier(None, 1, 1, "USD")))
    with pytest.raises(ValueError):
        Plan("half", 1, "Half", Money(0, "EUR"), {Meter.REQUESTS: Price(0, (tier(None, 0, 1),))}, PRO.entitlements)
    with pytest.raises(ValueError):
        Plan("mixed", 1, "Mixed", Money(0, "USD"), PRO.prices, PRO.entitlements)


@pytest.mark.parametrize(
    ("anchor", "at", "begin", "end"),
    [
        (moment(2026, 1, 15), moment(2026, 1, 15), moment(2026, 1, 15), moment(2026, 2, 15)),
        (moment(2026, 1, 15), moment(2026, 3, 14, 23, 59), moment(2026, 2, 15), moment(2026, 3, 15)),
        (moment(2026, 1, 31), moment(2026, 2, 28), moment(2026, 2, 28), moment(2026, 3, 31)),
        (moment(2026, 1, 31), moment(2026, 3, 30), moment(2026, 2, 28), moment(2026, 3, 31)),
        (moment(2026, 1, 31), moment(2026, 3, 31), moment(2026, 3, 31), moment(2026, 4, 30)),
        (moment(2024, 2, 29), moment(2025, 2, 28), moment(2025, 2, 28), moment(2025, 3, 29)),
        (moment(2025, 12, 31), moment(2026, 1, 1), moment(2025, 12, 31), moment(2026, 1, 31)),
    ],
)
def test_periods_are_months_from_the_anchor(anchor: datetime, at: datetime, begin: datetime, end: datetime) -> None:
    assert Period.containing(at, anchor) == Period(begin, end)


def test_periods_of_two_years_are_consecutive() -> None:
    anchor = moment(2026, 1, 31)
    periods = {Period.containing(moment(2026 + month // 12, month % 12 + 1, day, 12), anchor) for month in range(1, 24) for day in (1, 15, 28)}
    for period in periods:
        assert Period.containing(period.begin, anchor) == period
        assert Period.containing(period.end, anchor).begin == period.end


def test_an_anchor_is_midnight_utc() -> None:
    assert day_start(datetime.fromisoformat("2026-05-02T01:30:00+03:00")) == moment(2026, 5, 1)


def test_the_free_plan_never_costs_anything() -> None:
    bill = rate(FREE_PLAN, Period(moment(2026, 1, 1), moment(2026, 2, 1)), [EnvironmentUsage(A, "staging", requests=10**9, cpu_milliseconds=10**12)])
    assert bill.total == Money(0, "EUR")
    assert {charge.meter: charge.billable for charge in bill.charges} == {
        Meter.REQUESTS: 10**9 - 100_000,
        Meter.CPU_MILLISECONDS: 10**12 - 3_600_000,
    }


def test_the_included_quantity_counts_once_and_lines_add_up() -> None:
    usages = [
        EnvironmentUsage(A, "production", requests=2_000_000, cpu_milliseconds=0),
        EnvironmentUsage(A, "staging", requests=500_000, cpu_milliseconds=90_000_000),
        EnvironmentUsage(B, "production", requests=500_001, cpu_milliseconds=93_600_000),
    ]
    bill = rate(PRO, Period(moment(2026, 1, 1), moment(2026, 2, 1)), usages)

    requests, cpu = bill.charges
    assert (requests.quantity, requests.included, requests.billable, requests.amount) == (3_000_001, 2_000_000, 1_000_001, Money(40, "EUR"))
    assert (cpu.billable, cpu.amount) == (3_600_000, Money(8, "EUR"))
    assert bill.total == Money(2000 + 40 + 8, "EUR")
    assert sum(line.amount.amount for line in bill.lines) == 48
    assert [line.amount.amount for line in bill.lines] == [26, 7 + 4, 7 + 4]  # remainders: .666658, .666664, .666678


def test_a_bill_without_usage_is_the_fee() -> None:
    bill = rate(PRO, Period(moment(2026, 1, 1), moment(2026, 2, 1)), [])
    assert bill.lines == () and bill.total == PRO.fee
