"""Money: no lost cents, no mixed currencies."""

from fractions import Fraction

import pytest

from functions.billing.domain.money import CurrencyMismatch, Money


def test_amounts_of_one_currency_add_and_subtract() -> None:
    assert Money(250, "EUR") + Money(5, "EUR") - Money(55, "EUR") == Money(200, "EUR")


def test_adding_different_currencies_is_rejected() -> None:
    with pytest.raises(CurrencyMismatch):
        Money(1, "EUR") + Money(1, "USD")


@pytest.mark.parametrize(("amount", "currency"), [(1.5, "EUR"), (True, "EUR"), (1, "eur"), (1, "EURO"), (1, "")])
def test_invalid_money_is_rejected(amount: object, currency: str) -> None:
    with pytest.raises(ValueError):
        Money(amount, currency)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [(Fraction(1, 2), 1), (Fraction(49, 100), 0), (Fraction(-1, 2), 0), (Fraction(-51, 100), -1), (Fraction(3, 2), 2), (Fraction(7), 7)],
)
def test_rounding_is_to_the_nearest_minor_unit_halves_up(exact: Fraction, rounded: int) -> None:
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
def test_shares_add_up_to_the_amount(amount: int, weights: list[int], shares: list[int]) -> None:
    result = [share.amount for share in Money(amount, "EUR").shared(weights)]
    assert result == shares
    assert sum(result) == amount


def test_sharing_an_amount_among_no_weights_is_rejected() -> None:
    with pytest.raises(ValueError):
        Money(1, "EUR").shared([])


@pytest.mark.parametrize(("amount", "text"), [(0, "0.00 EUR"), (5, "0.05 EUR"), (-1033, "-10.33 EUR"), (123_456_789, "1,234,567.89 EUR")])
def test_money_is_printed_with_decimals_and_currency(amount: int, text: str) -> None:
    assert str(Money(amount, "EUR")) == text
