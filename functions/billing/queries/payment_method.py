"""Show your payment method and its last change."""

from datetime import datetime
from uuid import UUID

from functions.billing.domain.payment_methods import PaymentMethodChange, PaymentMethodChangeStatus
from functions.billing.domain.rejections import CustomerNotFound, TeamNotFound
from functions.billing.domain.team import OfTeam
from functions.billing.ports import PaymentMethodChanges, Subscribers
from functions.billing.services.access_control import AccessControl
from functions.kernel import Model, Permission, Permit, query


class ShowPaymentMethod(OfTeam):
    pass


class PaymentMethodChangeView(Model):
    """`detail`: why it failed."""

    change_id: UUID
    payment_method: str
    status: PaymentMethodChangeStatus
    detail: str | None
    requested_at: datetime
    settled_at: datetime | None

    @classmethod
    def of(cls, change: PaymentMethodChange) -> "PaymentMethodChangeView":
        return cls(
            change_id=change.id,
            payment_method=change.payment_method,
            status=change.status,
            detail=change.failure,
            requested_at=change.requested_at,
            settled_at=change.settled_at,
        )


class PaymentMethodView(Model):
    """`payment_method`: the one that is charged next; null: none is stored."""

    payment_method: str | None
    last_change: PaymentMethodChangeView | None


@query(http="GET /v1/billing/payment-method", permission=Permission.BILLING_READ, rejects=[TeamNotFound, CustomerNotFound])
async def payment_method(
    request: ShowPaymentMethod, control: AccessControl, permit: Permit, subscribers: Subscribers, changes: PaymentMethodChanges
) -> PaymentMethodView:
    customer = (await subscribers.get(await control.to_team(permit, request.team_id))).customer
    last = await changes.get_latest(customer.id)
    return PaymentMethodView(payment_method=customer.payment_method, last_change=PaymentMethodChangeView.of(last) if last else None)
