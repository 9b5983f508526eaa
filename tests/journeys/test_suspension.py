"""An account that is over its quota after a downgrade, and one that is suspended: refused with true numbers, notified, paused, resumed after paying.

Days pass for billing as an operator lets them pass (`./taskw advance-billing`); the grace period is real and lasts a minute.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from knative.machine import mailbox
from tests.journeys.people import Person
from tests.journeys.whole import Json, Whole, until
from tests.proof import proof
from tests.servers import discard, fresh_home

pytestmark = proof("suspension")

GRACE_SECONDS = 60
MONTH, DUNNING = 32, 12
"""Days: a period and the grace for late usage; until the last repetition of a declined payment is due."""


@pytest.fixture(scope="module")
def strict() -> Iterator[Whole]:
    """A Capsule with a grace period of a minute."""
    home = fresh_home("capsule-whole-")
    environment = {**home.environment, "CAPSULE_GRACE_HOURS": f"{GRACE_SECONDS / 3600:.4f}"}
    found = Whole(replace(home, environment=environment))
    try:
        found.up()
        hurry_housekeeping(found)
        yield found
    finally:
        discard(found.home)


def let_days_pass(whole: Whole, days: int) -> None:
    """As an operator does it. Instances of billing that run have the former clock until they stop."""

    def running() -> set[int]:
        return set().union(*(pids for name, pids in whole.pods().items() if name.startswith("capsule/billing-")))

    former = running()
    whole.task("advance-billing", str(days))
    until(lambda: not former & running(), 180, "for billing's instances to stop")


def hurry_housekeeping(whole: Whole) -> None:
    """Let billing's housekeeping run every minute instead of every ten."""
    metadata = {"name": "billing-housekeeping", "namespace": "capsule"}
    source = {"apiVersion": "sources.knative.dev/v1", "kind": "PingSource", "metadata": metadata}
    spec = (whole.cluster.get(source) or {})["spec"]
    whole.cluster.apply([{**source, "spec": {**spec, "schedule": "* * * * *"}}], "tests")


def subscribe(person: Person, plan: str, method: str = "pm_card_visa") -> None:
    person.post("/v1/billing/subscription", {"plan": plan, "paymentMethod": method}, 202)
    until(lambda: person.get("/v1/billing/subscription")["plan"] == plan, why=f"for the plan {plan}")
    until(lambda: person.get("/v1/quota")["plan"] == plan, why="for its quota")


def deployed(person: Person, name: str, **size: int) -> tuple[Json, str]:
    """An application with a page, and its URL."""
    application = person.create(person.whole.repository(f"{name}-{time.time_ns() % 10**6}", {"index.html": f"page of {name}"}).url)
    first = person.deploy(application)
    assert first["status"] == "succeeded", first
    if size:
        answer = person.send("PUT", f"/v1/apps/{application['id']}/environments/staging/scale", size)
        assert answer.status_code == 202, answer.text
        person.ended(answer.json()["deployment"] | {"applicationId": application["id"]})
    assert "page of" in person.whole.visit(first["url"]).text
    return application, str(first["url"])


def refused(person: Person, application: Json) -> Json:
    """What a deployment, another environment and a one-off command are refused with."""
    path, found = f"/v1/apps/{application['id']}", []
    for where, body in (
        ("/deployments", {"environment": "staging"}),
        ("/environments", {"name": "review"}),
        ("/environments/staging/runs", {"command": "true"}),
    ):
        answer = person.send("POST", path + where, body)
        assert answer.status_code in (402, 403), answer.text
        found.append(answer.json())
    assert len({each["detail"] for each in found}) == len({each["type"] for each in found}) == 1, found
    return dict(found[0])


def standing(person: Person) -> Json:
    return dict(person.get("/v1/quota")["standing"])


def wait_for_mail(person: Person, subject: str) -> str:
    message = until(lambda: mailbox.find_newest(person.whole.home, person.email, subject), why=f"for the e-mail {subject!r}")
    assert message is not None
    return mailbox.plain_text(message)


def serves(whole: Whole, url: str) -> Any:
    answer = whole.visit(url)
    return answer.status_code == 200 and "page of" in answer.text


def is_paused(whole: Whole, url: str) -> Any:
    return whole.visit(url).status_code == 503


def test_over_quota_and_suspended_accounts(strict: Whole) -> None:
    ada, bob = Person(strict).become_a_user(), Person(strict).become_a_user()
    for person in (ada, bob):
        subscribe(person, "pro")
    kept, kept_url = deployed(ada, "kept")
    large, large_url = deployed(ada, "large", maxScale=5)
    page, page_url = deployed(bob, "page")
    assert ada.get("/v1/quota")["memoryMib"] == {"limit": 16384, "used": 3072}
    assert ada.send("DELETE", "/v1/billing/subscription").is_success
    change = bob.send("PUT", "/v1/billing/payment-method", {"paymentMethod": "pm_card_chargeCustomerFail"})
    assert change.status_code == 202, change.text
    until(lambda: bob.get("/v1/billing/payment-method")["lastChange"]["status"] != "pending", why="for the payment method")

    let_days_pass(strict, MONTH)
    over_quota(ada, kept, (kept_url, large_url))

    for person in (ada, bob):
        person.sign_in()
    until(lambda: bob.get("/v1/billing/subscription")["status"] == "past_due", why="for the declined renewal")
    assert standing(bob)["status"] == "good", "a payment that is repeated restricts nothing"
    let_days_pass(strict, DUNNING)
    suspended(bob, page, page_url)
    assert large["id"]


def over_quota(ada: Person, kept: Json, urls: tuple[str, str]) -> None:
    whole, (kept_url, large_url) = ada.whole, urls
    until(lambda: standing(ada)["status"] == "restricted", 180, "for the downgrade")
    view = standing(ada)
    numbers = "You use 2 of 5 applications and 3072 of 2560 MiB of your free plan."
    assert (view["restriction"], view["detail"]) == ("over-quota", numbers)
    problem = refused(ada, kept)
    assert (problem["type"], problem["status"]) == ("/problems/over-quota", 403) and numbers in problem["detail"], problem
    assert numbers in wait_for_mail(ada, "nothing new starts")
    assert serves(whole, kept_url) and serves(whole, large_url), "visitors notice nothing during the grace period"

    until(lambda: is_paused(whole, large_url), GRACE_SECONDS + 60, "for the pause")
    assert standing(ada)["status"] == "paused"
    assert serves(whole, kept_url), "the rest is within the plan"
    wait_for_mail(ada, "are paused")
    until(lambda: not [name for name in whole.pods() if name.endswith("-large")], why="for its instances to stop")

    ada.sign_in()
    subscribe(ada, "pro")
    until(lambda: serves(whole, large_url), why="for the page after the upgrade")
    assert standing(ada)["status"] == "good"
    assert ada.deploy(kept)["status"] == "succeeded"


def suspended(bob: Person, page: Json, url: str) -> None:
    whole = bob.whole
    until(lambda: bob.get("/v1/billing/subscription")["status"] == "suspended", 180, "for the suspension")
    until(lambda: standing(bob)["restriction"] == "subscription-suspended", why="for the restriction")
    problem = refused(bob, page)
    assert (problem["type"], problem["status"]) == ("/problems/subscription-suspended", 402), problem
    assert bob.send("POST", f"/v1/apps/{page['id']}/environments/staging/restart", {}).status_code == 402
    wait_for_mail(bob, "nothing new starts")
    until(lambda: is_paused(whole, url), GRACE_SECONDS + 60, "for the pause")
    assert standing(bob)["status"] == "paused"
    deployments = len(bob.get(f"/v1/apps/{page['id']}/deployments")["items"])

    bob.sign_in()
    [invoice] = [each for each in bob.get("/v1/billing/invoices")["items"] if each["status"] == "open"]
    assert invoice["total"]["amount"] == 2000
    bob.post(f"/v1/billing/invoices/{invoice['invoiceId']}/payment", {"paymentMethod": "pm_card_visa"}, 202)
    until(lambda: bob.get("/v1/billing/subscription")["status"] == "active", why="for the payment")
    until(lambda: serves(whole, url), why="for the page after the payment")
    until(lambda: standing(bob)["status"] == "good", why="for the end of the restriction")
    assert len(bob.get(f"/v1/apps/{page['id']}/deployments")["items"]) == deployments, "it runs again without a deployment"
    wait_for_mail(bob, "no longer restricted")
    assert bob.deploy(page)["status"] == "succeeded"
