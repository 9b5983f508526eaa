"""Plans, payments and invoices over HTTP, with every part real but the money."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from stripe import WebhookSignature

from tests.billing.live import Live, Person, live
from tests.billing.stand_in import SECRET
from tests.runtime.harness import message, until

NOTICES = "/v1/billing/webhooks/stripe"


@pytest.fixture(scope="module")
def get_current(postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(postgres, rabbitmq, tmp_path_factory) as running:
        yield running


@pytest.fixture
def ada(running: Live) -> Person:
    return Person(running).register()


def test_from_a_plan_to_a_paid_invoice_and_a_larger_quota(running: Live, ada: Person) -> None:
    offered = httpx.get(f"{ada.client.base_url}/v1/billing/plans").json()["plans"]
    assert [(plan["code"], plan["fee"]["amount"], plan["allowed"]["applications"]) for plan in offered] == [
        ("free", 0, 5),
        ("pro", 2000, 25),
        ("business", 10000, 100),
    ]
    assert (ada.shown()["plan"], ada.get("/v1/quota")["applications"]["limit"]) == ("free", 5)
    assert ada.get("/v1/billing/customer")["owes"] == []

    accepted = ada.subscribe("pro")
    assert accepted.status_code == 202, accepted.text
    assert (accepted.json()["status"], accepted.json()["due"]) == ("pending", {"amount": 2000, "currency": "EUR"})
    shown = ada.until_on("pro")
    assert (shown["status"], shown["lastPayment"]["status"], shown["next"]) == ("active", "succeeded", None)
    until(lambda: ada.get("/v1/quota")["applications"]["limit"] == 25, why="for the quota")

    (invoice,) = ada.get("/v1/billing/invoices")["invoices"]
    assert (invoice["status"], invoice["total"]["amount"], invoice["plan"]) == ("paid", 2000, "pro")
    whole = ada.get(f"/v1/billing/invoices/{invoice['invoiceId']}")
    assert [(line["kind"], line["amount"]["amount"]) for line in whole["lines"]] == [("fee", 2000)]
    printed = ada.client.get(f"/v1/billing/invoices/{invoice['invoiceId']}/pdf")
    assert (printed.status_code, printed.headers["content-type"]) == (200, "application/pdf")
    assert printed.headers["content-disposition"] == f'inline; filename="invoice-{invoice["number"]}.pdf"'
    assert printed.content.startswith(b"%PDF-")
    (mail,) = ada.until_mailed(1)
    (attached,) = mail.iter_attachments()
    assert (attached.get_content_type(), attached.get_content()) == ("application/pdf", printed.content)

    assert ada.get("/v1/billing/customer")["owes"] == [{"amount": 0, "currency": "EUR"}]
    assert Person(running).client.get(f"/v1/billing/invoices/{invoice['invoiceId']}").status_code == 404
    assert [each["amount"] for each in running.stripe.objects("payment_intents")].count(2000) >= 1


def test_notices_come_through_the_gateway_signed_and_count_once(running: Live, ada: Person) -> None:
    before = running.count("provider_notices")
    ada.subscribe("pro")
    ada.until_on("pro")
    until(lambda: running.count("provider_notices") > before, why="for the provider's notice")

    payment = ada.shown()["lastPayment"]["paymentId"]
    body = (
        f'{{"id": "evt_{payment}",\n "type": "payment_intent.succeeded", "data": {{"object": {{"metadata": {{"capsule_payment": "{payment}"}}}}}}}}'
    )
    signature = WebhookSignature.generate_signature_header(body, SECRET, int(time.time()))
    for shown, content, status in (
        (signature, body, 204),
        (signature, body, 204),
        (signature, body + " ", 400),
        ("", body, 400),
        ("t=1,v1=00", body, 400),
    ):
        answer = httpx.post(f"{ada.client.base_url}{NOTICES}", content=content, headers={"Stripe-Signature": shown})
        assert answer.status_code == status, answer.text
        assert status == 204 or answer.json()["type"] == "/problems/invalid-webhook-signature"
    old = WebhookSignature.generate_signature_header(body, SECRET, int(time.time()) - 301)
    assert httpx.post(f"{ada.client.base_url}{NOTICES}", content=body, headers={"Stripe-Signature": old}).status_code == 400
    assert running.count("provider_notices WHERE id = %s", f"evt_{payment}") == 1
    assert running.count("ledger_transactions WHERE kind = 'payment-received' AND reference = %s", payment) == 1


def test_a_notice_of_a_payment_that_is_not_ours_is_taken_and_forgotten(running: Live, ada: Person) -> None:
    body = '{"id": "evt_foreign", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1", "metadata": {}}}}'
    signature = WebhookSignature.generate_signature_header(body, SECRET, int(time.time()))
    assert httpx.post(f"{ada.client.base_url}{NOTICES}", content=body, headers={"Stripe-Signature": signature}).status_code == 204


def test_a_declined_card_leaves_all_as_it_was_and_says_so(running: Live, ada: Person) -> None:
    ada.subscribe("pro", "pm_card_chargeCustomerFail")
    until(lambda: (ada.shown()["lastPayment"] or {}).get("status") == "failed", why="for the decline")
    shown = ada.shown()
    assert (shown["plan"], shown["lastPayment"]["reason"], shown["lastPayment"]["detail"]) == ("free", "card_declined", "Your card was declined.")
    (mail,) = ada.until_mailed(1)
    assert "declined" in mail["Subject"] and "Your card was declined." in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    refused = ada.subscribe("gold")
    assert (refused.status_code, refused.json()["type"], refused.json()["errors"][0]["pointer"]) == (422, "/problems/plan-not-offered", "/plan")


def test_the_same_key_subscribes_once(running: Live, ada: Person) -> None:
    answers = [
        ada.client.post("/v1/billing/subscription", json={"plan": "pro", "paymentMethod": "pm_card_visa"}, headers={"Idempotency-Key": "k1"})
        for _ in range(3)
    ]
    assert {answer.status_code for answer in answers} == {202} and len({answer.content for answer in answers}) == 1
    ada.until_on("pro")
    assert running.count("payments JOIN customers ON customers.id = customer_id WHERE user_id = %s", ada.user) == 1


def test_a_period_that_ends_is_invoiced_charged_and_mailed(running: Live, ada: Person) -> None:
    ada.subscribe("pro")
    ada.until_on("pro")
    running.change(
        "UPDATE subscriptions SET anchored_at = anchored_at - interval '2 months', billed_until = anchored_at - interval '1 month'"
        " WHERE customer_id = (SELECT id FROM customers WHERE user_id = %s)",
        ada.user,
    )
    tick = message("dev.knative.sources.ping", function="billing.housekeeping")
    assert running.current.post(tick, b"{}") == 204
    until(lambda: [each["status"] for each in ada.get("/v1/billing/invoices")["invoices"]] == ["paid", "paid"], why="for the renewal")
    newest, first = ada.get("/v1/billing/invoices")["invoices"]
    assert (newest["purpose"], newest["number"] > first["number"]) == ("renewal", True)
    assert len(ada.until_mailed(2)) == 2
    assert ada.get("/v1/billing/invoices", limit=1)["next"] == newest["invoiceId"]


def test_an_administrator_gives_money_back(running: Live, ada: Person) -> None:
    ada.subscribe("pro")
    ada.until_on("pro")
    (invoice,) = ada.get("/v1/billing/invoices")["invoices"]
    path = f"/v1/billing/invoices/{invoice['invoiceId']}/refunds"
    assert ada.client.post(path, json={"reason": "please"}).status_code == 403
    root = Person(running, "admin")
    given = root.client.post(path, json={"reason": "an outage", "amount": 500})
    assert (given.status_code, given.json()["amount"]["amount"]) == (202, 500), given.text
    until(lambda: ada.get(path.removesuffix("/refunds"))["credits"][0]["status"] == "succeeded", why="for the refund")
    assert 500 in [refund["amount"] for refund in running.stripe.objects("refunds")]
    assert root.client.post(path, json={"reason": "more", "amount": 1501}).status_code == 422


def test_who_dies_between_the_charge_and_its_record_has_charged_once(running: Live, ada: Person) -> None:
    ada.subscribe("pro")  # makes the customer at Stripe known, so that the next one's only call is the charge
    ada.until_on("pro")
    charged = len(running.stripe.objects("payment_intents"))
    running.current.stop()
    dying = running.dying_after_its_charge()
    running.current = running.worker(CAPSULE_FUNCTION="billing.subscribe")
    assert ada.subscribe("business", None).status_code == 202
    ((payment,),) = running.rows("SELECT id FROM payments WHERE status = 'pending'")
    told = message("payment.requested")
    assert dying.post(told, json.dumps({"paymentId": str(payment)}).encode()) == -1
    assert dying.process.wait(30) == -9
    assert len(running.stripe.objects("payment_intents")) == charged + 1 and running.count("payments WHERE status = 'pending'") == 1

    running.current.stop()
    running.current = running.worker()
    assert ada.until_on("business")["lastPayment"]["status"] == "succeeded"
    assert len(running.stripe.objects("payment_intents")) == charged + 1
