"""The payment provider Stripe, through its own client (https://docs.stripe.com/api).

Used are customers, payment methods, payment intents and refunds. Stripe's subscriptions and invoices are not used,
because billing owns plans, usage, proration, invoice numbers and the ledger, and a second owner would have to be
reconciled. Each call has an idempotency key derived from its subject, so an interrupted call can be repeated.
"""

import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import stripe

from functions.billing.domain.credit_notes import CreditNote
from functions.billing.domain.customers import Customer
from functions.billing.domain.payments import Payment, PaymentStatus, ProviderResult
from functions.billing.domain.rejections import InvalidWebhookSignature
from functions.billing.ports import ProviderRefused, ProviderUnavailable, WebhookEvent
from functions.kernel import RateLimited
from functions.runtime.config.settings import Settings
from functions.runtime.storage.external_call import external_call

API_VERSION = "2024-06-20"
"""The version of Stripe's API that these calls are written for. https://docs.stripe.com/api/versioning"""
TIMEOUT_SECONDS = 20.0
SIGNATURE_TOLERANCE_SECONDS = 300
"""Maximum age of a webhook. https://docs.stripe.com/webhooks#replay-attacks"""
PAYMENT_STATUS = {"succeeded": PaymentStatus.SUCCEEDED, "processing": PaymentStatus.PENDING}
DECLINED = ("canceled", "requires_payment_method")
"""Statuses of a payment intent: https://docs.stripe.com/payments/paymentintents/lifecycle"""


class StripeProvider:
    def __init__(self, settings: Settings) -> None:
        base = settings.text("CAPSULE_STRIPE_API_BASE", "https://api.stripe.com")
        self._client = stripe.StripeClient(
            settings.text("CAPSULE_STRIPE_API_KEY"),
            stripe_version=API_VERSION,
            base_addresses={"api": base},
            http_client=_http_client(base),
            max_network_retries=0,  # the runtime retries with growing delays
        )

    @external_call
    async def open_account(self, customer: Customer) -> str:
        try:
            async with _translated_errors():
                account = await self._client.v1.customers.create_async(
                    {"email": customer.email, "metadata": {"capsule_customer": str(customer.id)}}, {"idempotency_key": f"customer-{customer.id}"}
                )
        except stripe.InvalidRequestError as error:
            raise ProviderRefused(error.user_message or str(error)) from error
        return account.id

    @external_call
    async def charge(self, payment: Payment, customer: Customer) -> ProviderResult:
        assert customer.provider_id is not None
        try:
            async with _translated_errors():
                method = await self._attached(payment, customer)
        except (stripe.CardError, stripe.InvalidRequestError) as error:  # the customer's input: unknown, not theirs, or declined
            return _declined(error)
        try:
            async with _translated_errors():
                parameters: Any = {
                    "amount": payment.amount.amount,
                    "currency": payment.amount.currency.lower(),
                    "customer": customer.provider_id,
                    "payment_method": method,
                    "payment_method_types": ["card"],
                    "confirm": True,
                    "off_session": True,
                    "metadata": {"capsule_payment": str(payment.id)},
                }
                intent = await self._client.v1.payment_intents.create_async(parameters, {"idempotency_key": payment.idempotency_key})
        except stripe.CardError as error:
            return _declined(error)
        except stripe.InvalidRequestError as error:
            if error.code == "amount_too_small":
                return _declined(error)
            raise ProviderRefused(str(error)) from error
        return await self._result(intent)

    async def _attached(self, payment: Payment, customer: Customer) -> str:
        """Attach the payment method to the customer. Returns its id, which differs from the given one for test methods."""
        if payment.payment_method == customer.payment_method:
            return payment.payment_method
        attached = await self._client.v1.payment_methods.attach_async(
            payment.payment_method, {"customer": customer.provider_id or ""}, {"idempotency_key": f"{payment.idempotency_key}-attach"}
        )
        return attached.id

    @external_call
    async def get_charge(self, provider_id: str) -> ProviderResult:
        try:
            async with _translated_errors():
                intent = await self._client.v1.payment_intents.retrieve_async(provider_id)
        except stripe.InvalidRequestError as error:
            raise ProviderRefused(str(error)) from error
        return await self._result(intent)

    async def _result(self, intent: stripe.PaymentIntent) -> ProviderResult:
        """An intent that needs the customer's confirmation is cancelled: the customer is not present, and it must not succeed later unnoticed."""
        method = intent.payment_method if isinstance(intent.payment_method, str) else None
        if intent.status in PAYMENT_STATUS:
            return ProviderResult(intent.id, PAYMENT_STATUS[intent.status], method)
        if intent.status not in DECLINED:
            async with _translated_errors():
                await self._client.v1.payment_intents.cancel_async(intent.id)
            return ProviderResult(
                intent.id,
                PaymentStatus.FAILED,
                failure_code="authentication_required",
                failure_message="The bank requires a confirmation of this payment by its customer. Use another card.",
            )
        error = intent.last_payment_error
        code, message = getattr(error, "code", None), getattr(error, "message", None)
        return ProviderResult(
            intent.id,
            PaymentStatus.FAILED,
            failure_code=code or intent.status,
            failure_message=message or "The payment was declined.",
        )

    @external_call
    async def refund(self, note: CreditNote, payment: Payment) -> ProviderResult:
        try:
            async with _translated_errors():
                refund = await self._client.v1.refunds.create_async(
                    {
                        "payment_intent": payment.provider_id or "",
                        "amount": note.amount.amount,
                        "metadata": {"capsule_credit_note": str(note.id)},
                    },
                    {"idempotency_key": f"refund-{note.id}"},
                )
        except stripe.InvalidRequestError as error:
            message = error.user_message or str(error)
            return ProviderResult(None, PaymentStatus.FAILED, failure_code=error.code or "refused", failure_message=message)
        match refund.status:
            case "succeeded":
                return ProviderResult(refund.id, PaymentStatus.SUCCEEDED)
            case "pending":
                return ProviderResult(refund.id, PaymentStatus.PENDING)
            case status:
                return ProviderResult(refund.id, PaymentStatus.FAILED, failure_code=status, failure_message=f"The refund is {status}.")


class StripeWebhookVerifier:
    """`CAPSULE_STRIPE_WEBHOOK_SECRET` may hold several secrets, separated by commas, so that a rotation loses no webhook."""

    def __init__(self, settings: Settings) -> None:
        self._secrets = [secret.strip() for secret in settings.text("CAPSULE_STRIPE_WEBHOOK_SECRET").split(",") if secret.strip()]

    def parse(self, body: bytes, signature: str) -> WebhookEvent:
        self._verify(body, signature)
        try:
            event = json.loads(body)
            id, type, subject = str(event["id"]), str(event["type"]), event["data"]["object"]
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidWebhookSignature("The signature is valid, but the body is not a Stripe event.") from error
        payment_id = (subject.get("metadata") or {}).get("capsule_payment") if type.startswith("payment_intent.") else None
        return WebhookEvent(id, type, _uuid(payment_id))

    def _verify(self, body: bytes, signature: str) -> None:
        cause: Exception | None = None
        for secret in self._secrets:
            try:
                stripe.WebhookSignature.verify_header(body, signature, secret, SIGNATURE_TOLERANCE_SECONDS)
                return
            except (stripe.SignatureVerificationError, UnicodeDecodeError) as error:
                cause = error
        raise InvalidWebhookSignature from cause


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(str(text)) if text else None
    except ValueError:
        return None


def _declined(error: stripe.CardError | stripe.InvalidRequestError) -> ProviderResult:
    """Stripe's error names the payment intent, unless the charge was declined before there was one."""
    intent = getattr(error.error, "payment_intent", None)
    return ProviderResult(
        getattr(intent, "id", None),
        PaymentStatus.FAILED,
        failure_code=error.code or "card_declined",
        failure_message=error.user_message or str(error),
    )


@asynccontextmanager
async def _translated_errors() -> AsyncIterator[None]:
    """Translate Stripe's errors to ours. CardError and InvalidRequestError pass, because their meaning depends on the call."""
    try:
        yield
    except (stripe.CardError, stripe.InvalidRequestError):
        raise
    except stripe.RateLimitError as error:
        raise RateLimited(str(error), retry_after=float((error.headers or {}).get("Retry-After", 5))) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:  # retried, because an operator can replace the key
        raise ProviderUnavailable(f"Stripe rejects the key in CAPSULE_STRIPE_API_KEY: {error.user_message}") from error
    except (stripe.APIConnectionError, stripe.APIError) as error:
        raise ProviderUnavailable(str(error)) from error
    except stripe.StripeError as error:
        raise ProviderRefused(str(error)) from error


def _http_client(base: str) -> stripe.HTTPClient:
    client = stripe.HTTPXClient(timeout=TIMEOUT_SECONDS)
    host = urlsplit(base).hostname or ""
    if host in ("127.0.0.1", "localhost") or host.endswith(".localhost"):
        client._client_async = httpx.AsyncClient(transport=_Loopback())  # bypasses proxies
    return client


class _Loopback(httpx.AsyncHTTPTransport):
    """Connects names under `localhost` to this machine (RFC 6761), because not every resolver does. The Host header keeps the name."""

    def handle_async_request(self, request: httpx.Request) -> Awaitable[httpx.Response]:  # type: ignore[override]
        request.url = request.url.copy_with(host="127.0.0.1")
        return super().handle_async_request(request)
