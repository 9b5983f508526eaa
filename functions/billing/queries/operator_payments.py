"""List payments of all customers, with disputes (admin)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.billing.domain.payments import PaymentStatus
from functions.billing.domain.views import Amount, DisputeView
from functions.billing.ports import Customers, Disputes, Payments
from functions.kernel import ADMIN, Model, Page, query


class ListAllPayments(Model):
    customer_id: UUID | None = None
    status: PaymentStatus | None = None
    cursor: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class OperatorPaymentView(Model):
    """`provider_id`: of the payment at the payment provider. `detail`: why it was declined."""

    payment_id: UUID
    invoice_id: UUID
    customer_id: UUID
    email: str
    attempt: int
    amount: Amount
    status: PaymentStatus
    detail: str | None
    provider_id: str | None
    retry_at: datetime | None
    created_at: datetime
    settled_at: datetime | None
    disputes: list[DisputeView]


@query(http="GET /v1/billing/operator/payments", allow=ADMIN)
async def operator_payments(request: ListAllPayments, payments: Payments, customers: Customers, disputes: Disputes) -> Page[OperatorPaymentView]:
    rows = await payments.list_all(request.customer_id, request.status, before=request.cursor, limit=request.limit + 1)
    disputed: dict[UUID, list[DisputeView]] = {}
    for dispute in await disputes.list_for_payments([row.id for row in rows]):
        disputed.setdefault(dispute.payment_id, []).append(DisputeView.of(dispute))
    customer_of = await customers.get_many({row.customer_id for row in rows})
    views = [
        OperatorPaymentView(
            payment_id=row.id,
            invoice_id=row.invoice_id,
            customer_id=row.customer_id,
            email=customer_of[row.customer_id].email,
            attempt=row.attempt,
            amount=Amount.of(row.amount),
            status=row.status,
            detail=row.failure_message,
            provider_id=row.provider_id,
            retry_at=row.retry_at,
            created_at=row.created_at,
            settled_at=row.settled_at,
            disputes=disputed.get(row.id, []),
        )
        for row in rows
    ]
    return Page.from_rows(views, request.limit, lambda view: view, cursor=lambda view: view.payment_id)
