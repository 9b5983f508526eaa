"""Billing details on the page Billing: saved, shown again, and kept in the form when they are refused."""

from tests.dashboard.browser import Browser, text_of


async def test_details_are_saved_and_a_refused_form_keeps_what_was_typed() -> None:
    ada = await Browser().become_a_user()
    saved = await ada.send("/billing/details", name="Ada <Lovelace>", address="12 St James’s Square\r\nLondon", country="gb", vatId="")
    assert saved.headers["location"] == "/billing?done=billing-details"
    page = await ada.open("/billing")
    assert 'value="Ada &lt;Lovelace&gt;"' in page.text and "12 St James’s Square\nLondon</textarea>" in page.text and 'value="GB"' in page.text
    refused = await ada.send("/billing/details", name="Ada", address="1 Road", country="Britain", vatId="")
    assert refused.status_code == 422 and "no country code" in text_of(refused) and 'value="Britain"' in refused.text
