"""Registering as a person sees it: the account works at once, and what several contexts and the payment provider add to it can be followed."""

from tests.journeys.people import Person
from tests.journeys.whole import Whole, until


def test_a_registration_goes_through_all_contexts_and_can_be_followed(whole: Whole) -> None:
    ada = Person(whole).become_a_user()
    until(lambda: ada.get("/v1/users/me/registration")["status"] == "completed", 90, "for the registration to be complete")

    view = ada.get("/v1/users/me/registration")
    assert [line["step"] for line in view["steps"]] == ["user", "customer", "quota", "payment-account"]
    assert all(line["finishedAt"] for line in view["steps"]) and view["summary"] == "The account is set up."
    assert ada.get("/v1/billing/customer")["paymentAccount"] == "opened"
    assert ada.get("/v1/quota")["applications"]["limit"] == 5

    for method, path in (("GET", "/v1/auth/registrations"), ("POST", f"/v1/auth/registrations/{view['userId']}/resume")):
        refused = ada.send(method, path)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden")
