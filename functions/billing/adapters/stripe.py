"""Stripe takes the money (https://docs.stripe.com/api), through its own client.

Stripe is asked for customers, payment methods, payment intents and refunds, and not for subscriptions or invoices: plans, measured use, proration,
numbers and the ledger are ours, and a second owner of periods and invoices would be a second truth to reconcile. Each call carries an idempotency
key made from what it is about, so one that was interrupted is repeated without harm.
"""

import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import stripe

from functions.billing.domain.credits import CreditNote
from functions.billing.domain.customers import Customer
from functions.billing.domain.payments import Answer, Payment, PaymentStatus
from functions.billing.domain.rejections import BadSignature
from functions.billing.ports import Notice, ProviderAway, ProviderRefused
from functions.kernel import RateLimited
from functions.runtime.config.settings import Settings
from functions.runtime.storage.external_call import external_call

VERSION = "2024-06-20"
"""Of Stripe's API, which our parameters are written for; theirs may move on."""
PATIENCE = 20.0
TOLERANCE = 300
"""Seconds that a notice may be old."""
TOOK = {"succeeded": PaymentStatus.SUCCEEDED, "processing": PaymentStatus.PENDING}
LOST = ("canceled", "requires_payment_method")


class StripeProvider:
    def __init__(self, settings: Settings) -> None:
        base = settings.text("CAPSULE_STRIPE_API_BASE", "https://api.stripe.com")
        self._client = stripe.StripeClient(
            settings.text("CAPSULE_STRIPE_API_KEY"),
            stripe_version=VERSION,
            base_addresses={"api": base},
            http_client=_http_client(base),
            max_network_retries=0,  # the runtime tries again, later and later
        )

    @external_call
    async def open_account(self, customer: Customer) -> str:
        try:
            async with _translated():
                made = await self._client.v1.customers.create_async(
                    {"email": customer.email, "metadata": {"capsule_customer": str(customer.id)}}, {"idempotency_key": f"customer-{customer.id}"}
                )
        except stripe.InvalidRequestError as refused:
            raise ProviderRefused(refused.user_message or str(refused)) from refused
        return made.id

    @external_call
    async def charge(self, payment: Payment, customer: Customer) -> Answer:
        assert customer.provider_id is not None
        try:
            async with _translated():
                method = await self._attached(payment, customer)
        except (stripe.CardError, stripe.InvalidRequestError) as unfit:  # the customer named it: unknown, somebody else's, refused
            return _declined(unfit)
        try:
            async with _translated():
                wanted: Any = {
                    "amount": payment.amount.amount,
                    "currency": payment.amount.currency.lower(),
                    "customer": customer.provider_id,
                    "payment_method": method,
                    "payment_method_types": ["card"],
                    "confirm": True,
                    "off_session": True,
                    "metadata": {"capsule_payment": str(payment.id)},
                }
                intent = await self._client.v1.payment_intents.create_async(wanted, {"idempotency_key": payment.idempotency_key})
        except stripe.CardError as declined:
            return _declined(declined)
        except stripe.InvalidRequestError as unknown:
            if unknown.code == "amount_too_small":
                return _declined(unknown)
            raise ProviderRefused(str(unknown)) from unknown
        return await self._answer(intent)

    async def _attached(self, payment: Payment, customer: Customer) -> str:
        """The method as it is known from now on: a test method has no name of its own before it is attached."""
        if payment.payment_method == customer.payment_method:
            return payment.payment_method
        attached = await self._client.v1.payment_methods.attach_async(
            payment.payment_method, {"customer": customer.provider_id or ""}, {"idempotency_key": f"{payment.idempotency_key}-attach"}
        )
        return attached.id

    @external_call
    async def look(self, provider_id: str) -> Answer:
        try:
            async with _translated():
                intent = await self._client.v1.payment_intents.retrieve_async(provider_id)
        except stripe.InvalidRequestError as unknown:
            raise ProviderRefused(str(unknown)) from unknown
        return await self._answer(intent)

    async def _answer(self, intent: stripe.PaymentIntent) -> Answer:
        """Who must confirm in person is not there (we charge without them): the intent is given up, so that it cannot succeed behind our back."""
        method = intent.payment_method if isinstance(intent.payment_method, str) else None
        if intent.status in TOOK:
            return Answer(intent.id, TOOK[intent.status], method)
        if intent.status not in LOST:
            async with _translated():
                await self._client.v1.payment_intents.cancel_async(intent.id)
            return Answer(
                intent.id,
                PaymentStatus.FAILED,
                failure_code="authentication_required",
                failure_message="The bank wants its customer to confirm this payment; use another card.",
            )
        error = intent.last_payment_error
        code, message = getattr(error, "code", None), getattr(error, "message", None)
        return Answer(intent.id, PaymentStatus.FAILED, failure_code=code or intent.status, failure_message=message or "The payment was declined.")

    @external_call
    async def refund(self, note: CreditNote, payment: Payment) -> Answer:
        try:
            async with _translated():
                made = await self._client.v1.refunds.create_async(
                    {
                        "payment_intent": payment.provider_id or "",
                        "amount": note.amount.amount,
                        "metadata": {"capsule_credit_note": str(note.id)},
                    },
                    {"idempotency_key": f"refund-{note.id}"},
                )
        except stripe.InvalidRequestError as refused:
            return Answer(None, PaymentStatus.FAILED, failure_code=refused.code or "refused", failure_message=refused.user_message or str(refused))
        status = {"succeeded": PaymentStatus.SUCCEEDED, "pending": PaymentStatus.PENDING}.get(made.status or "", PaymentStatus.FAILED)
        why = None if status is not PaymentStatus.FAILED else f"The refund is {made.status}."
        return Answer(made.id, status, failure_code=made.status if why else None, failure_message=why)


class StripeNoticeReader:
    """Several secrets, separated by commas, count at once, so that one can be changed without losing a notice."""

    def __init__(self, settings: Settings) -> None:
        self._secrets = [secret.strip() for secret in settings.text("CAPSULE_STRIPE_WEBHOOK_SECRET").split(",") if secret.strip()]

    def read(self, body: bytes, signature: str) -> Notice:
        self._verify(body, signature)
        try:
            event = json.loads(body)
            id, type, about = str(event["id"]), str(event["type"]), event["data"]["object"]
        except (ValueError, KeyError, TypeError) as error:
            raise BadSignature("The body is signed, and no event.") from error
        whose = (about.get("metadata") or {}).get("capsule_payment") if type.startswith("payment_intent.") else None
        return Notice(id, type, _uuid(whose))

    def _verify(self, body: bytes, signature: str) -> None:
        reason: Exception | None = None
        for secret in self._secrets:
            try:
                stripe.WebhookSignature.verify_header(body, signature, secret, TOLERANCE)
                return
            except (stripe.SignatureVerificationError, UnicodeDecodeError) as no:
                reason = no
        raise BadSignature from reason


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(str(text)) if text else None
    except ValueError:
        return None


def _declined(error: stripe.CardError | stripe.InvalidRequestError) -> Answer:
    """Stripe names the intent in its error; what names none was declined before there was one."""
    about = getattr(error.error, "payment_intent", None)
    return Answer(
        getattr(about, "id", None), PaymentStatus.FAILED, failure_code=error.code or "card_declined", failure_message=error.user_message or str(error)
    )


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """Lets CardError and InvalidRequestError through: what they mean depends on what was asked."""
    try:
        yield
    except (stripe.CardError, stripe.InvalidRequestError):
        raise
    except stripe.RateLimitError as busy:
        raise RateLimited(str(busy), retry_after=float((busy.headers or {}).get("Retry-After", 5))) from busy
    except (stripe.AuthenticationError, stripe.PermissionError) as refused:
        raise ProviderAway(f"Stripe does not accept our key: {refused.user_message}") from refused  # an operator can mend it meanwhile
    except stripe.IdempotencyError as clash:
        raise ProviderRefused(str(clash)) from clash
    except (stripe.APIConnectionError, stripe.APIError) as away:
        raise ProviderAway(str(away)) from away
    except stripe.StripeError as other:
        raise ProviderRefused(str(other)) from other


def _http_client(base: str) -> stripe.HTTPClient:
    client = stripe.HTTPXClient(timeout=PATIENCE)
    host = urlsplit(base).hostname or ""
    if host in ("127.0.0.1", "localhost") or host.endswith(".localhost"):
        client._client_async = httpx.AsyncClient(transport=_Loopback())  # no proxy, and no name that a resolver may not know
    return client


class _Loopback(httpx.AsyncHTTPTransport):
    """Names under `localhost` are this machine (RFC 6761), which not every resolver knows. The Host header keeps the name."""

    def handle_async_request(self, request: httpx.Request) -> Awaitable[httpx.Response]:  # type: ignore[override]
        request.url = request.url.copy_with(host="127.0.0.1")
        return super().handle_async_request(request)
