"""How the API shows what a command of billing has started at the payment provider: a payment, or the refund of a credit note."""

from datetime import datetime
from typing import Self
from uuid import UUID

from functions.billing.domain.credit_notes import CreditNote
from functions.billing.domain.payments import Payment
from functions.billing.domain.views import Amount
from functions.kernel import OperationBase, OperationProblem, OperationState, OperationStepView

STATES = {"pending": OperationState.RUNNING, "succeeded": OperationState.SUCCEEDED, "failed": OperationState.FAILED}
"""By the status of a payment or a refund."""


class BillingOperationView(OperationBase):
    id: UUID
    kind: str
    """`payment` or `refund`."""
    state: OperationState
    invoice_id: UUID
    amount: Amount
    summary: str
    """One line for people."""
    steps: list[OperationStepView]
    resource: str
    """The path of the invoice, which shows payments and refunds."""
    problem: OperationProblem | None
    requested_at: datetime
    finished_at: datetime | None

    @classmethod
    def of_payment(cls, payment: Payment) -> Self:
        problem = None
        if payment.failure_code is not None:
            title = "The payment was declined"
            problem = OperationProblem(title=title, detail=payment.failure_message or f"{title}.", reason=payment.failure_code)
        return cls._of(payment, "payment", payment.created_at, problem)

    @classmethod
    def of_credit_note(cls, note: CreditNote) -> Self:
        problem = None
        if note.failure is not None:
            problem = OperationProblem(title="The refund failed", detail=note.failure, reason="refund-failed")
        return cls._of(note, "refund", note.issued_at, problem)

    @classmethod
    def _of(cls, row: Payment | CreditNote, kind: str, requested_at: datetime, problem: OperationProblem | None) -> Self:
        state = STATES[row.status.value]
        step = OperationStepView(
            step=kind, started_at=requested_at, finished_at=row.settled_at, error=problem.detail if problem is not None else None
        )
        return cls(
            id=row.id,
            kind=kind,
            state=state,
            invoice_id=row.invoice_id,
            amount=Amount.of(row.amount),
            summary=f"The {kind} of {row.amount} {'is running' if state is OperationState.RUNNING else state}.",
            steps=[step],
            resource=f"/v1/billing/invoices/{row.invoice_id}",
            problem=problem,
            requested_at=requested_at,
            finished_at=row.settled_at,
        )
