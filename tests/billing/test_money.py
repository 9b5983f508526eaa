"""Money: no lost cent, no mixed currencies."""

from fractions import Fraction

import pytest

from functions.billing.domain.money import CurrencyMismatch, Money


def test_amounts_of_one_currency_add_and_subtract() -> None:
    assert Money(250, "EUR") + Money(5, "EUR") - Money(55, "EUR") == Money(200, "EUR")


def test_currencies_never_mix() -> None:
    with pytest.raises(CurrencyMismatch):
        Money(1, "EUR") + Money(1, "USD")


@pytest.mark.parametrize(("amount", "currency"), [(1.5, "EUR"), (True, "EUR"), (1, "eur"), (1, "EURO"), (1, "")])
def test_what_is_no_money_cannot_be_built(amount: object, currency: str) -> None:
    with pytest.raises(ValueError):
        Money(amount, currency)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [(Fraction(1, 2), 1), (Fraction(49, 100), 0), (Fraction(-1, 2), 0), (Fraction(-51, 100), -1), (Fraction(3, 2), 2), (Fraction(7), 7)],
)
def test_rounding_takes_the_nearest_unit_and_halves_up(exact: Fraction, rounded: int) -> None:
    assert Money.rounded(exact, "EUR").amount == rounded


@pytest.mark.parametrize(
    ("amount", "weights", "shares"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (100, [3, 1], [75, 25]),
        (5, [0, 7, 0], [0, 5, 0]),
        (5, [0, 0], [3, 2]),
        (2, [5, 1, 1, 1], [2, 0, 0, 0]),
        (0, [], []),
    ],
)
def test_shares_add_up_to_the_whole(amount: int, weights: list[int], shares: list[int]) -> None:
    got = Money(amount, "EUR").shared(weights)
    assert [share.amount for share in got] == shares
    assert sum(share.amount for share in got) == amount


def test_an_amount_is_not_shared_among_nobody() -> None:
    with pytest.raises(ValueError):
        Money(1, "EUR").shared([])
