"""The payment provider Stripe, through its own client (https://docs.stripe.com/api).

Used are customers, payment methods, payment intents and refunds. Stripe's subscriptions and invoices are not used,
because billing owns plans, usage, proration, invoice numbers and the ledger, and a second owner would have to be
reconciled. Each call has an idempotency key derived from its subject, so an interrupted call can be repeated.
"""

from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import stripe

from functions.billing.adapters.variables import STRIPE_API_BASE, STRIPE_API_KEY
from functions.billing.domain.credit_notes import CreditNote, ProviderRefund
from functions.billing.domain.customers import Customer
from functions.billing.domain.disputes import DisputeStatus, ProviderDispute
from functions.billing.domain.money import Money
from functions.billing.domain.payment_methods import PaymentMethodChange
from functions.billing.domain.payments import Payment, PaymentStatus, ProviderResult
from functions.billing.ports import ProviderRefused, ProviderUnavailable
from functions.kernel import RateLimited
from functions.runtime.config.settings import Settings
from functions.runtime.storage.external_call import external_call

API_VERSION = "2024-06-20"
"""The version of Stripe's API that these calls are written for. https://docs.stripe.com/api/versioning"""
TIMEOUT_SECONDS = 20.0
PAYMENT_STATUS = {"succeeded": PaymentStatus.SUCCEEDED, "processing": PaymentStatus.PENDING}
DISPUTE_STATUS = {
    "needs_response": DisputeStatus.OPEN,
    "under_review": DisputeStatus.OPEN,
    "won": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
}
"""An inquiry (`warning_…`) withdraws no money. https://docs.stripe.com/api/disputes/object#dispute_object-status"""
PAYMENT_METHOD_PREFIXES = ("pm_", "card_", "src_")
PAYMENT, CREDIT_NOTE = "capsule_payment", "capsule_credit_note"
"""Keys of the metadata of our objects."""
DECLINED = ("canceled", "requires_payment_method")
"""Statuses of a payment intent: https://docs.stripe.com/payments/paymentintents/lifecycle"""


class StripeProvider:
    def __init__(self, settings: Settings) -> None:
        base = settings.value(STRIPE_API_BASE)
        self._client = stripe.StripeClient(
            settings.value(STRIPE_API_KEY),
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
    async def close_account(self, customer: Customer) -> None:
        """Stripe keeps the charges of a deleted customer. https://docs.stripe.com/api/customers/delete"""
        assert customer.provider_id is not None
        try:
            async with _translated_errors():
                await self._client.v1.customers.delete_async(customer.provider_id)
        except stripe.InvalidRequestError as error:
            if error.http_status != 404:
                raise ProviderRefused(str(error)) from error

    @external_call
    async def charge(self, payment: Payment, customer: Customer) -> ProviderResult:
        assert customer.provider_id is not None
        try:
            async with _translated_errors():
                method = await self._attached(payment.payment_method, payment.idempotency_key, customer)
        except (stripe.CardError, stripe.InvalidRequestError) as error:  # the customer's input: unknown, not theirs, or declined
            return _not_attached(error, payment.payment_method)
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
                    "metadata": {PAYMENT: str(payment.id)},
                }
                intent = await self._client.v1.payment_intents.create_async(parameters, {"idempotency_key": payment.idempotency_key})
        except stripe.CardError as error:
            return _declined(error)
        except stripe.InvalidRequestError as error:
            if error.code == "amount_too_small":
                return _declined(error)
            raise ProviderRefused(str(error)) from error
        return await self._result(intent)

    async def _attached(self, payment_method: str, idempotency_key: str, customer: Customer) -> str:
        """Attach the payment method to the customer. Returns its id, which differs from the given one for test methods."""
        if payment_method == customer.payment_method:
            return payment_method
        attached = await self._client.v1.payment_methods.attach_async(
            payment_method, {"customer": customer.provider_id or ""}, {"idempotency_key": f"{idempotency_key}-attach"}
        )
        return attached.id

    @external_call
    async def attach(self, change: PaymentMethodChange, customer: Customer) -> ProviderResult:
        try:
            async with _translated_errors():
                return ProviderResult(None, PaymentStatus.SUCCEEDED, await self._attached(change.payment_method, str(change.id), customer))
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            return _not_attached(error, change.payment_method)

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
                if note.provider_id is not None:  # Stripe forgets idempotency keys after a day, so another request would pay twice
                    return _refund_result(await self._client.v1.refunds.retrieve_async(note.provider_id))
                refund = await self._client.v1.refunds.create_async(
                    {
                        "payment_intent": payment.provider_id or "",
                        "amount": note.amount.amount,
                        "metadata": {CREDIT_NOTE: str(note.id)},
                    },
                    {"idempotency_key": f"refund-{note.id}"},
                )
        except stripe.InvalidRequestError as error:
            message = error.user_message or str(error)
            return ProviderResult(None, PaymentStatus.FAILED, failure_code=error.code or "refused", failure_message=message)
        return _refund_result(refund)

    @external_call
    async def list_refunds(self, payment: Payment) -> Sequence[ProviderRefund]:
        try:
            async with _translated_errors():
                page = await self._client.v1.refunds.list_async({"payment_intent": payment.provider_id or "", "limit": 100})
                refunds = [each async for each in page.auto_paging_iter()]
        except stripe.InvalidRequestError as error:
            raise ProviderRefused(str(error)) from error
        refunds.sort(key=lambda refund: refund.created)
        return [ProviderRefund(Money(each.amount, each.currency.upper()), _refund_result(each), _credit_note_id(each)) for each in refunds]

    @external_call
    async def list_disputes(self, payment: Payment) -> Sequence[ProviderDispute]:
        try:
            async with _translated_errors():
                page = await self._client.v1.disputes.list_async({"payment_intent": payment.provider_id or "", "limit": 100})
                disputes = [each async for each in page.auto_paging_iter()]
        except stripe.InvalidRequestError as error:
            raise ProviderRefused(str(error)) from error
        return [
            ProviderDispute(each.id, Money(each.amount, each.currency.upper()), each.reason, DISPUTE_STATUS[each.status])
            for each in sorted(disputes, key=lambda dispute: dispute.created)
            if each.status in DISPUTE_STATUS
        ]


def _credit_note_id(refund: stripe.Refund) -> UUID | None:
    metadata: Any = refund.metadata
    return _uuid(metadata[CREDIT_NOTE]) if metadata and CREDIT_NOTE in metadata else None


def _refund_result(refund: stripe.Refund) -> ProviderResult:
    """https://docs.stripe.com/api/refunds/object#refund_object-status"""
    match refund.status:
        case "succeeded":
            return ProviderResult(refund.id, PaymentStatus.SUCCEEDED)
        case "pending" | "requires_action":
            return ProviderResult(refund.id, PaymentStatus.PENDING)
        case status:
            reason = getattr(refund, "failure_reason", None)
            message = f"The refund is {status}{f': {reason}' if reason else ''}."
            return ProviderResult(refund.id, PaymentStatus.FAILED, failure_code=status, failure_message=message)


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(str(text)) if text else None
    except ValueError:
        return None


def _not_attached(error: stripe.CardError | stripe.InvalidRequestError, payment_method: str) -> ProviderResult:
    """Stripe's own sentence about an unknown id differs by its beginning and may name ids of other kinds."""
    is_unknown = error.code == "resource_missing" or error.http_status == 404 or not payment_method.startswith(PAYMENT_METHOD_PREFIXES)
    if is_unknown and isinstance(error, stripe.InvalidRequestError):
        message = f"No such payment method: {payment_method}. Its id begins with pm_; create it in the payment form and copy it completely."
        return ProviderResult(None, PaymentStatus.FAILED, failure_code="resource_missing", failure_message=message)
    return _declined(error)


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
