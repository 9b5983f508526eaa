"""Pay an open invoice.

Charges the stored payment method or another one. A successful payment ends a suspension.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.billing.domain.invoices import InvoiceStatus
from functions.billing.domain.payment_methods import PaymentMethodId
from functions.billing.domain.payment_policy import PaymentPolicy
from functions.billing.domain.payments import Payment, PaymentRequested
from functions.billing.domain.rejections import (
    ChangeInProgress,
    CustomerNotFound,
    InvoiceNotFound,
    InvoiceNotOpen,
    PaymentAccountMissing,
    PaymentMethodMissing,
    PaymentsOff,
    TeamNotFound,
)
from functions.billing.domain.team import OfTeam
from functions.billing.domain.views import Amount
from functions.billing.ports import Invoices, Payments, Subscribers
from functions.billing.services.access_control import AccessControl
from functions.kernel import Clock, Done, FieldError, Model, Permission, Permit, command


class PayInvoice(OfTeam):
    invoice_id: UUID
    payment_method: Annotated[
        PaymentMethodId | None, Field(description="Id of a payment method at the provider (`pm_…`). Default: the one that was charged last.")
    ] = None


class PaymentAccepted(Model):
    """The operation shows the outcome, and so does the invoice."""

    operation_id: UUID
    payment_id: UUID
    invoice_id: UUID
    status: str
    amount: Amount


@command(
    http="POST /v1/billing/invoices/{invoice_id}/payment",
    permission=Permission.BILLING_WRITE,
    status=202,
    rejects=[
        *(TeamNotFound, ChangeInProgress, CustomerNotFound, InvoiceNotFound, InvoiceNotOpen, PaymentAccountMissing, PaymentMethodMissing),
        PaymentsOff,
    ],
    emits=[PaymentRequested],
)
async def pay_invoice(
    request: PayInvoice,
    control: AccessControl,
    permit: Permit,
    subscribers: Subscribers,
    invoices: Invoices,
    payments: Payments,
    policy: PaymentPolicy,
    clock: Clock,
) -> Done[PaymentAccepted]:
    subscriber = await subscribers.lock(await control.to_team(permit, request.team_id))
    invoice = subscriber.require_own(await invoices.get(request.invoice_id))
    if invoice.status is not InvoiceStatus.OPEN:
        raise InvoiceNotOpen(f"This invoice is {invoice.status}. Only an open invoice can be paid.")
    policy.require()
    if not subscriber.customer.can_pay:
        raise PaymentAccountMissing
    payment_method = request.payment_method or subscriber.customer.payment_method
    if payment_method is None:
        raise PaymentMethodMissing(errors=[FieldError("/paymentMethod", "is required for the first payment")])

    last = await payments.get_last_attempt(invoice.id)
    payment, events = Payment.create(invoice, payment_method, clock.now(), attempt=last.attempt + 1 if last else 1)
    await payments.add(payment)

    accepted = PaymentAccepted(
        operation_id=payment.id, payment_id=payment.id, invoice_id=invoice.id, status=payment.status.value, amount=Amount.of(payment.amount)
    )
    return Done(accepted, *events)
