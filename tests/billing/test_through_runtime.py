"""Plans, payments and invoices over HTTP, with every part real except Stripe."""

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from stripe import WebhookSignature

from tests.billing.running_system import Customer, RunningSystem, running_system
from tests.billing.stripe_stand_in import KEY, SECRET
from tests.runtime.harness import until
from tests.runtime.messages import message
from tests.waiting import wait_limit

WEBHOOKS = "/v1/billing/webhooks/stripe"


@pytest.fixture(scope="module")
def system(postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    with running_system(postgres, rabbitmq, tmp_path_factory) as system:
        yield system


@pytest.fixture
def ada(system: RunningSystem) -> Customer:
    return Customer(system).register()


def test_an_upgrade_is_charged_invoiced_mailed_and_raises_the_quota(system: RunningSystem, ada: Customer) -> None:
    plans = httpx.get(f"{ada.client.base_url}/v1/billing/plans").json()["items"]
    assert [(plan["code"], plan["fee"]["amount"], plan["allowed"]["applications"]) for plan in plans] == [
        ("free", 0, 5),
        ("pro", 2000, 25),
        ("business", 10000, 100),
    ]
    assert (ada.subscription()["plan"], ada.get("/v1/quota")["applications"]["limit"]) == ("free", 5)
    assert ada.get("/v1/billing/customer")["owes"] == []

    accepted = ada.subscribe("pro")
    assert accepted.status_code == 202, accepted.text
    assert (accepted.json()["status"], accepted.json()["due"]) == ("pending", {"amount": 2000, "currency": "EUR"})
    subscription = ada.wait_for_plan("pro")
    assert (subscription["status"], subscription["lastPayment"]["status"], subscription["next"]) == ("active", "succeeded", None)
    until(lambda: ada.get("/v1/quota")["applications"]["limit"] == 25, why="for the quota")

    (invoice,) = ada.get("/v1/billing/invoices")["items"]
    assert (invoice["status"], invoice["total"]["amount"], invoice["plan"]) == ("paid", 2000, "pro")
    details = ada.get(f"/v1/billing/invoices/{invoice['invoiceId']}")
    assert [(line["kind"], line["amount"]["amount"]) for line in details["lines"]] == [("fee", 2000)]
    pdf = ada.client.get(f"/v1/billing/invoices/{invoice['invoiceId']}/pdf")
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    assert pdf.headers["content-disposition"] == f'inline; filename="invoice-{invoice["number"]}.pdf"'
    assert pdf.content.startswith(b"%PDF-")
    (mail,) = ada.wait_for_mails(1)
    (attachment,) = mail.iter_attachments()
    assert (attachment.get_content_type(), attachment.get_content()) == ("application/pdf", pdf.content)

    assert ada.get("/v1/billing/customer")["owes"] == [{"amount": 0, "currency": "EUR"}]
    assert Customer(system).client.get(f"/v1/billing/invoices/{invoice['invoiceId']}").status_code == 404
    assert [each["amount"] for each in system.stripe.objects("payment_intents")].count(2000) >= 1


def test_webhooks_are_verified_and_handled_once(system: RunningSystem, ada: Customer) -> None:
    before = system.count("webhook_events")
    ada.subscribe("pro")
    ada.wait_for_plan("pro")
    until(lambda: system.count("webhook_events") > before, why="for the webhook")

    payment = ada.subscription()["lastPayment"]["paymentId"]
    subject = {"id": "pi_1", "metadata": {"capsule_payment": payment}}
    body = json.dumps({"id": f"evt_{payment}", "type": "payment_intent.succeeded", "data": {"object": subject}}, indent=1)
    signature = WebhookSignature.generate_signature_header(body, SECRET, int(time.time()))
    for signature_header, content, status in (
        (signature, body, 204),
        (signature, body, 204),
        (WebhookSignature.generate_signature_header("[]", SECRET, int(time.time())), "[]", 400),
        (signature, body + " ", 400),
        ("", body, 400),
        ("t=1,v1=00", body, 400),
    ):
        answer = httpx.post(f"{ada.client.base_url}{WEBHOOKS}", content=content, headers={"Stripe-Signature": signature_header})
        assert answer.status_code == status, answer.text
        assert status == 204 or answer.json()["type"] == f"/problems/invalid-webhook{'' if content == '[]' else '-signature'}"
    old = WebhookSignature.generate_signature_header(body, SECRET, int(time.time()) - 301)
    assert httpx.post(f"{ada.client.base_url}{WEBHOOKS}", content=body, headers={"Stripe-Signature": old}).status_code == 400
    assert system.count("webhook_events WHERE id = %s", f"evt_{payment}") == 1
    assert system.count("ledger_transactions WHERE kind = 'payment-received' AND reference = %s", payment) == 1


def test_a_webhook_about_an_unknown_payment_is_accepted_and_ignored(system: RunningSystem, ada: Customer) -> None:
    body = '{"id": "evt_foreign", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1", "metadata": {}}}}'
    signature = WebhookSignature.generate_signature_header(body, SECRET, int(time.time()))
    assert httpx.post(f"{ada.client.base_url}{WEBHOOKS}", content=body, headers={"Stripe-Signature": signature}).status_code == 204


def test_a_declined_card_changes_nothing_and_is_reported(system: RunningSystem, ada: Customer) -> None:
    ada.subscribe("pro", "pm_card_chargeCustomerFail")
    until(lambda: (ada.subscription()["lastPayment"] or {}).get("status") == "failed", why="for the decline")
    subscription = ada.subscription()
    assert (subscription["plan"], subscription["lastPayment"]["reason"], subscription["lastPayment"]["detail"]) == (
        "free",
        "card_declined",
        "Your card was declined.",
    )
    (mail,) = ada.wait_for_mails(1)
    assert "declined" in mail["Subject"] and "Your card was declined." in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    rejected = ada.subscribe("gold")
    assert (rejected.status_code, rejected.json()["type"], rejected.json()["errors"][0]["pointer"]) == (422, "/problems/plan-not-offered", "/plan")


def test_requests_with_the_same_idempotency_key_subscribe_once(system: RunningSystem, ada: Customer) -> None:
    answers = [
        ada.client.post("/v1/billing/subscription", json={"plan": "pro", "paymentMethod": "pm_card_visa"}, headers={"Idempotency-Key": "k1"})
        for _ in range(3)
    ]
    assert {answer.status_code for answer in answers} == {202} and len({answer.content for answer in answers}) == 1
    ada.wait_for_plan("pro")
    assert system.count("payments JOIN customers ON customers.id = customer_id WHERE user_id = %s", ada.user) == 1


def test_an_ended_period_is_invoiced_charged_and_mailed(system: RunningSystem, ada: Customer) -> None:
    ada.subscribe("pro")
    ada.wait_for_plan("pro")
    system.change(
        "UPDATE subscriptions SET anchored_at = anchored_at - interval '2 months', billed_until = anchored_at - interval '1 month'"
        " WHERE customer_id = (SELECT id FROM customers WHERE user_id = %s)",
        ada.user,
    )
    tick = message("dev.knative.sources.ping", function="billing.housekeeping")
    assert system.current.post(tick, b"{}") == 204
    until(lambda: [each["status"] for each in ada.get("/v1/billing/invoices")["items"]] == ["paid", "paid"], why="for the renewal")
    newest, first = ada.get("/v1/billing/invoices")["items"]
    assert (newest["purpose"], newest["number"] > first["number"]) == ("renewal", True)
    assert len(ada.wait_for_mails(2)) == 2
    assert ada.get("/v1/billing/invoices", limit=1)["next"] == newest["invoiceId"]


def test_an_administrator_refunds_an_invoice(system: RunningSystem, ada: Customer) -> None:
    ada.subscribe("pro")
    ada.wait_for_plan("pro")
    (invoice,) = ada.get("/v1/billing/invoices")["items"]
    path = f"/v1/billing/invoices/{invoice['invoiceId']}/refunds"
    assert ada.client.post(path, json={"reason": "please"}).status_code == 403
    root = Customer(system, "admin")
    accepted = root.client.post(path, json={"reason": "an outage", "amount": 500})
    assert (accepted.status_code, accepted.json()["amount"]["amount"]) == (202, 500), accepted.text
    until(lambda: ada.get(path.removesuffix("/refunds"))["credits"][0]["status"] == "succeeded", why="for the refund")
    assert 500 in [refund["amount"] for refund in system.stripe.objects("refunds")]
    assert root.client.post(path, json={"reason": "more", "amount": 1501}).status_code == 422


def test_a_refund_and_a_dispute_at_stripe_are_booked_told_and_listed(system: RunningSystem, ada: Customer) -> None:
    ada.subscribe("pro")
    ada.wait_for_plan("pro")
    admin = Customer(system, "admin")
    customer = ada.get("/v1/billing/customer")["customerId"]
    (payment,) = admin.get("/v1/billing/operator/payments", customerId=customer)["items"]
    intent = payment["providerId"]
    with httpx.Client(base_url=system.stripe.base, headers={"Authorization": f"Bearer {KEY}"}) as stripe:
        assert stripe.post("/v1/refunds", data={"payment_intent": intent, "amount": "300"}).is_success
        assert stripe.post("/v1/disputes", data={"payment_intent": intent, "reason": "fraudulent", "amount": "1700"}).is_success

    def disputes() -> Any:
        return admin.get("/v1/billing/operator/payments", customerId=customer)["items"][0]["disputes"]

    until(lambda: [(each["status"], each["amount"]["amount"]) for each in disputes()] == [("open", 1700)], why="for the dispute")
    (invoice,) = until(
        lambda: [each for each in ada.get("/v1/billing/invoices")["items"] if each["credited"]["amount"] == 300], why="for the credit note"
    )
    (note,) = ada.get(f"/v1/billing/invoices/{invoice['invoiceId']}")["credits"]
    pdf = ada.client.get(f"/v1/billing/invoices/{invoice['invoiceId']}/credit-notes/{note['creditNoteId']}/pdf")
    assert (pdf.status_code, pdf.content[:5]) == (200, b"%PDF-")
    until(lambda: any("credit note" in str(mail["Subject"]) for mail in system.mails(ada.email)), why="for the credit note's mail")
    until(lambda: any("is disputed" in str(mail["Subject"]) for mail in system.mails(ada.email)), why="for the dispute's mail")
    assert ada.client.get("/v1/billing/operator/payments").status_code == 403


def test_a_payment_method_is_replaced_and_a_mistyped_one_reads_as_one(system: RunningSystem, ada: Customer) -> None:
    def change(method: str) -> Any:
        accepted = ada.client.put("/v1/billing/payment-method", json={"paymentMethod": method})
        assert accepted.status_code == 202, accepted.text
        id = accepted.json()["changeId"]

        def settled() -> Any:
            view = ada.get("/v1/billing/payment-method")
            return view if view["lastChange"]["changeId"] == id and view["lastChange"]["status"] != "pending" else None

        return until(settled, why="for the payment method")

    mistyped = change("pm_card_vias")
    assert mistyped["paymentMethod"] is None and mistyped["lastChange"]["detail"].startswith("No such payment method: pm_card_vias.")
    assert change("pm_card_visa")["paymentMethod"].startswith("pm_")
    assert ada.get("/v1/billing/invoices")["items"] == []
    assert ada.client.post("/v1/billing/subscription", json={"plan": "pro"}).status_code == 202
    ada.wait_for_plan("pro")


def test_a_crash_between_charge_and_record_charges_once(system: RunningSystem, ada: Customer) -> None:
    ada.subscribe("pro")  # opens the account at Stripe, so that the next payment calls Stripe only for the charge
    ada.wait_for_plan("pro")
    charges = len(system.stripe.objects("payment_intents"))
    system.current.stop()
    killed = system.start_worker_killed_after_charge()
    system.current = system.worker(CAPSULE_FUNCTION="billing.subscribe,billing.plans")  # one function alone would take every message for its own
    assert ada.subscribe("business", None).status_code == 202
    ((payment,),) = system.rows("SELECT id FROM payments WHERE status = 'pending'")
    headers = message("payment.requested")
    assert killed.post(headers, json.dumps({"paymentId": str(payment)}).encode()) == -1
    assert killed.process.wait(wait_limit(30)) == -9
    assert len(system.stripe.objects("payment_intents")) == charges + 1 and system.count("payments WHERE status = 'pending'") == 1

    system.current.stop()
    system.current = system.worker()
    assert ada.wait_for_plan("business")["lastPayment"]["status"] == "succeeded"
    assert len(system.stripe.objects("payment_intents")) == charges + 1


def test_a_clock_that_is_ahead_ends_the_period_and_its_tokens_do_not_expire(system: RunningSystem, ada: Customer) -> None:
    """`./taskw advance-billing 32`: no row is edited. Last in this module, because it ends the period of every customer."""
    ada.subscribe("pro")
    period = ada.wait_for_plan("pro")["period"]
    ahead, former = system.worker(CAPSULE_BILLING_DAYS_AHEAD="32"), system.current
    system.current = ahead
    try:
        former.stop()
        assert ahead.post(message("dev.knative.sources.ping", function="billing.housekeeping"), b"{}") == 204
        until(lambda: [each["status"] for each in ada.get("/v1/billing/invoices")["items"]] == ["paid", "paid"], why="for the renewal")
        newest, first = ada.get("/v1/billing/invoices")["items"]
        assert datetime.fromisoformat(newest["issuedAt"]) - datetime.fromisoformat(first["issuedAt"]) > timedelta(days=31)
        assert ada.subscription()["period"]["begin"] == period["end"]
        assert ahead.post(message("dev.knative.sources.ping", function="billing.housekeeping"), b"{}") == 204
        assert len(ada.get("/v1/billing/invoices")["items"]) == 2
    finally:
        system.current = system.worker()
