"""Numbers in forms: what is none is refused with an explanation."""

import pytest

from functions.edge.dashboard.pages.forms import whole_number
from tests.dashboard.browser import Browser

ODD = ("9" * 5000, "\u00b2", "\u0663", "12345678901234567890", "-1", "1e3", " ")


@pytest.mark.parametrize("text", ODD)
def test_what_is_no_number_stays_as_it_is(text: str) -> None:
    assert whole_number(text) == text


def test_a_number_of_up_to_nine_digits_is_one() -> None:
    assert (whole_number("0"), whole_number("007"), whole_number("999999999")) == (0, 7, 999_999_999)


@pytest.mark.parametrize("text", ODD[:4])
async def test_forms_refuse_it(text: str) -> None:
    ada = await Browser().become_a_user()
    app = (await ada.send("/new", name="shop", repository="https://git.example.org/shop.git")).headers["location"].partition("?")[0]
    forms = {
        "/account/tokens": {"name": "ci", "scope-read": "on", "days": text},
        "/new": {"name": "other", "repository": "https://git.example.org/shop.git", "port": text},
        f"{app}/settings": {"port": text},
        f"{app}/rollbacks": {"environment": "staging", "release": text},
        f"{app}/environments/staging/scale": {"maxScale": text},
        f"{app}/environments/staging/processes": {"process": "worker", "metric": "cpu", "target": text, "minInstances": "1", "maxInstances": "2"},
    }
    for path, form in forms.items():
        assert (await ada.send(path, **form)).status_code == 422, path
