"""Billing details: what may be on an invoice, which VAT it has, and that an issued invoice keeps what it states."""

from fractions import Fraction

import pytest

from functions.billing.commands.set_billing_details import SetBillingDetails
from functions.billing.domain.billing_details import BillingDetails
from functions.billing.domain.money import Money
from functions.billing.domain.parties import REVERSE_CHARGE, Parties, Seller
from functions.billing.domain.rejections import InvalidBillingDetails
from functions.billing.domain.views import BillingDetailsView
from functions.billing.queries.export import ExportBilling
from functions.kernel import Caller
from tests.billing.world import USER, World

ADA = BillingDetails("Ada Lovelace", ("12 St James’s Square", "London"), "GB")
GERMAN = Seller(("Lovelace GmbH",), "DE123456789", Fraction(19), "")


def business(vat_id: str | None) -> BillingDetails:
    return BillingDetails("Babbage SA", ("1 rue X", "75001 Paris"), "FR", vat_id)


def test_spaces_are_cleaned_and_codes_are_upper_case() -> None:
    assert BillingDetails.parse(" Ada  Lovelace ", ["12 St James’s Square", "  ", "London "], "gb", "") == ADA
    assert BillingDetails.parse("Babbage SA", ["1 rue X"], "FR", "fr 83.404.833-048").vat_id == "FR83404833048"


@pytest.mark.parametrize(
    ("field", "details"),
    [
        ("/name", ("", ["x"], "DE", None)),
        ("/name", ("A\x07da", ["x"], "DE", None)),
        ("/address", ("Ada", [" "], "DE", None)),
        ("/address", ("Ada", ["x"] * 6, "DE", None)),
        ("/address", ("Ada", ["x" * 101], "DE", None)),
        ("/country", ("Ada", ["x"], "Germany", None)),
        ("/name", ("\u200b", ["x"], "DE", None)),
        ("/name", ("A\u202eda", ["x"], "DE", None)),
        ("/address", ("Ada", ["x\u202e"], "DE", None)),
        ("/country", ("Ada", ["x"], "ZZ", None)),
        ("/vatId", ("Ada", ["x"], "DE", "123456789")),
        ("/vatId", ("Ada", ["x"], "DE", "DE12345678")),
        ("/vatId", ("Ada", ["x"], "DE", "ATU12345678")),
        ("/vatId", ("Ada", ["x"], "FR", "FR++")),
        ("/vatId", ("Ada", ["x"], "US", "DE123456789")),
    ],
)
def test_what_cannot_be_on_an_invoice_is_refused_by_name(field: str, details: tuple[str, list[str], str, str | None]) -> None:
    with pytest.raises(InvalidBillingDetails) as refused:
        BillingDetails.parse(*details)
    assert [each.pointer for each in refused.value.errors] == [field]


@pytest.mark.parametrize(("code", "fix"), [("UK", "use GB"), ("EL", "use GR"), ("ZZ", "ISO 3166-1")])
def test_a_code_that_is_none_names_the_right_one(code: str, fix: str) -> None:
    with pytest.raises(InvalidBillingDetails) as refused:
        BillingDetails.parse("Ada", ["x"], code, None)
    assert fix in refused.value.errors[0].detail


@pytest.mark.parametrize(
    ("country", "vat_id"),
    [
        ("GR", "EL123456789"), ("MC", "FR83404833048"), ("GB", "XI123456789"), ("GB", "GB123456789"), ("CH", "CHE-123.456.789"),
        ("NL", "NL123456789B01"), ("ES", "ESX1234567X"), ("IE", "IE1234567WA"), ("AT", "ATU12345678"), ("NO", "NO123456789MVA"),
    ],
)  # fmt: skip
def test_a_vat_number_begins_as_its_country_s_do(country: str, vat_id: str) -> None:
    assert BillingDetails.parse("Ada", ["x"], country, vat_id).vat_id


@pytest.mark.parametrize(
    ("seller", "buyer", "percent", "note"),
    [
        (GERMAN, None, 19, ""),
        (GERMAN, ADA, 19, ""),
        (GERMAN, business(None), 19, ""),
        (GERMAN, business("FR83404833048"), 0, REVERSE_CHARGE),
        (GERMAN, business("DE987654321"), 19, ""),
        (GERMAN, business("FR++"), 19, ""),
        (GERMAN, business("ATU12345678"), 19, ""),
        (GERMAN, business("XI123456789"), 19, ""),
        (GERMAN, business("CHE123456789"), 19, ""),
        (Seller(("Small",), "DE1234567", Fraction(0), "Exempt, § 19 UStG."), business("FR83404833048"), 0, "Exempt, § 19 UStG."),
        (Seller(("Abroad",), "", Fraction(20), ""), business("FR83404833048"), 20, ""),
    ],
)
def test_a_business_in_another_country_of_the_union_pays_the_vat_itself(
    seller: Seller, buyer: BillingDetails | None, percent: int, note: str
) -> None:
    parties = seller.parties(buyer)
    assert (parties.vat_percent, parties.vat_note) == (percent, note) and Parties.of_json(parties.to_json()) == parties


def test_net_amounts_of_lines_add_up_to_the_net_amount() -> None:
    parties, amounts = GERMAN.parties(None), [Money(amount, "EUR") for amount in (333, 333, 333, -100, 1, 2000)]
    net = parties.net_of_lines(amounts)
    assert sum(each.amount for each in net) == parties.net(Money(2900, "EUR")).amount == 2437
    assert all(abs(each.amount - round(gross.amount / 1.19)) <= 1 for each, gross in zip(net, amounts, strict=True))


async def test_an_issued_invoice_keeps_its_buyer() -> None:
    world = World()
    await world.register()
    request, caller = SetBillingDetails(name="Ada Lovelace", address=["12 St James’s Square", "London"], country="GB"), Caller(USER)
    assert (await world.capsule.call(request, caller=caller)).name == "Ada Lovelace"
    details = (await world.customer()).billing_details
    assert details is not None and details.address == ["12 St James’s Square", "London"]
    await world.subscribe("pro")
    await world.settle()
    await world.capsule.call(request.model_copy(update={"name": "Somebody Else"}), caller=caller)
    [invoice] = world.invoices.invoices.values()
    assert invoice.parties is not None and invoice.parties.buyer == ADA and invoice.parties.seller == ("Capsule",)
    exported = await world.capsule.call(ExportBilling(), caller=caller)
    assert exported.customer is not None and exported.customer.billing_details is not None
    assert exported.customer.billing_details.name == "Somebody Else" and exported.invoices[0].buyer == BillingDetailsView.of(ADA)
