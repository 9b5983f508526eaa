"""A customer pays an open invoice now, perhaps with another payment method; that ends a suspension."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.billing.domain.answers import Amount
from functions.billing.domain.invoices import InvoiceStatus
from functions.billing.domain.payments import Payment, PaymentRequested
from functions.billing.domain.rejections import (
    ChangeUnderWay,
    CustomerNotFound,
    InvoiceNotFound,
    InvoiceNotOpen,
    PaymentAccountMissing,
    PaymentMethodMissing,
)
from functions.billing.ports import Customers, Invoices, Payments, Subscriptions
from functions.kernel import Caller, Clock, Done, FieldError, Model, command


class PayInvoice(Model):
    invoice_id: UUID
    payment_method: Annotated[str, Field(min_length=3, max_length=255, pattern=r"^[A-Za-z0-9_]+$")] | None = None


class PaymentAccepted(Model):
    """GET /v1/billing/invoices/{invoiceId} shows the outcome."""

    payment_id: UUID
    invoice_id: UUID
    status: str
    amount: Amount


@command(
    http="POST /v1/billing/invoices/{invoice_id}/payment",
    answers=202,
    rejects=[ChangeUnderWay, CustomerNotFound, InvoiceNotFound, InvoiceNotOpen, PaymentAccountMissing, PaymentMethodMissing],
    emits=[PaymentRequested],
)
async def pay_invoice(
    asked: PayInvoice, caller: Caller, customers: Customers, subscriptions: Subscriptions, invoices: Invoices, payments: Payments, clock: Clock
) -> Done[PaymentAccepted]:
    customer = await customers.of_user(caller.user_id)
    if customer is None or await subscriptions.locked(customer.id) is None:
        raise CustomerNotFound
    invoice = await invoices.get(asked.invoice_id)
    if invoice.customer_id != customer.id:
        raise InvoiceNotFound
    if invoice.status is not InvoiceStatus.OPEN:
        raise InvoiceNotOpen
    if not customer.may_pay:
        raise PaymentAccountMissing
    method = asked.payment_method or customer.payment_method
    if method is None:
        raise PaymentMethodMissing(errors=[FieldError("/paymentMethod", "is needed for the first payment")])

    last = await payments.last_of(invoice.id)
    payment = Payment.intend(invoice, method, clock.now(), attempt=last.attempt + 1 if last else 1)
    await payments.add(payment)

    answer = PaymentAccepted(payment_id=payment.id, invoice_id=invoice.id, status=payment.status.value, amount=Amount.of(payment.amount))
    return Done(answer, PaymentRequested(payment_id=payment.id))
