"""How the API shows what a command of billing has started at the payment provider: a payment, a refund, or another payment method."""

from datetime import datetime
from typing import Self
from uuid import UUID

from functions.billing.domain.credit_notes import CreditNote
from functions.billing.domain.payment_methods import PaymentMethodChange
from functions.billing.domain.payments import Payment
from functions.billing.domain.views import Amount
from functions.kernel import OperationBase, OperationProblem, OperationState, OperationStepView

STATES = {"pending": OperationState.RUNNING, "succeeded": OperationState.SUCCEEDED, "failed": OperationState.FAILED}
"""By the status of a payment, a refund, or the change of a payment method."""


class BillingOperationView(OperationBase):
    kind: str
    """`payment`, `refund` or `payment-method`."""
    invoice_id: UUID | None
    """Of a payment or a refund; so has `amount`."""
    amount: Amount | None

    @classmethod
    def of_payment(cls, payment: Payment) -> Self:
        problem = None
        if payment.failure_code is not None:
            title = "The payment was declined"
            problem = OperationProblem(title=title, detail=payment.failure_message or f"{title}.", reason=payment.failure_code)
        return cls._of(
            payment,
            kind="payment",
            subject=f"payment of {payment.amount}",
            invoice_id=payment.invoice_id,
            amount=Amount.of(payment.amount),
            resource=f"/v1/billing/invoices/{payment.invoice_id}",
            problem=problem,
            requested_at=payment.created_at,
        )

    @classmethod
    def of_credit_note(cls, note: CreditNote) -> Self:
        problem = None
        if note.failure is not None:
            problem = OperationProblem(title="The refund failed", detail=note.failure, reason="refund-failed")
        return cls._of(
            note,
            kind="refund",
            subject=f"refund of {note.amount}",
            invoice_id=note.invoice_id,
            amount=Amount.of(note.amount),
            resource=f"/v1/billing/invoices/{note.invoice_id}",
            problem=problem,
            requested_at=note.issued_at,
        )

    @classmethod
    def of_payment_method(cls, change: PaymentMethodChange) -> Self:
        problem = None
        if change.failure is not None:
            problem = OperationProblem(title="The payment method was not replaced", detail=change.failure, reason="payment-method-declined")
        return cls._of(
            change,
            kind="payment-method",
            subject="change of the payment method",
            invoice_id=None,
            amount=None,
            resource="/v1/billing/payment-method",
            problem=problem,
            requested_at=change.requested_at,
        )

    @classmethod
    def _of(
        cls,
        row: Payment | CreditNote | PaymentMethodChange,
        *,
        kind: str,
        subject: str,
        invoice_id: UUID | None,
        amount: Amount | None,
        resource: str,
        problem: OperationProblem | None,
        requested_at: datetime,
    ) -> Self:
        state = STATES[row.status.value]
        step = OperationStepView(
            step=kind, started_at=requested_at, finished_at=row.settled_at, error=problem.detail if problem is not None else None
        )
        return cls(
            id=row.id,
            kind=kind,
            state=state,
            invoice_id=invoice_id,
            amount=amount,
            summary=f"The {subject} {'is running' if state is OperationState.RUNNING else state}.",
            steps=[step],
            resource=resource,
            problem=problem,
            requested_at=requested_at,
            finished_at=row.settled_at,
        )
