"""Replace your payment method without paying.

Later charges use it, also the next attempt of an open invoice.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.billing.domain.payment_methods import PaymentMethodChange, PaymentMethodChangeRequested, PaymentMethodId
from functions.billing.domain.payment_policy import PaymentPolicy
from functions.billing.domain.rejections import ChangeInProgress, CustomerNotFound, PaymentAccountMissing, PaymentsOff, TeamNotFound
from functions.billing.domain.team import OfTeam
from functions.billing.ports import PaymentMethodChanges, Subscribers
from functions.billing.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, command


class SetPaymentMethod(OfTeam):
    payment_method: Annotated[PaymentMethodId, Field(description="Id of a payment method at the provider (`pm_…`).")]


class PaymentMethodAccepted(Model):
    """The operation shows the outcome, and so does GET /v1/billing/payment-method."""

    operation_id: UUID
    change_id: UUID
    status: str
    payment_method: str


@command(
    http="PUT /v1/billing/payment-method",
    permission=Permission.BILLING_WRITE,
    status=202,
    rejects=[TeamNotFound, ChangeInProgress, CustomerNotFound, PaymentAccountMissing, PaymentsOff],
    emits=[PaymentMethodChangeRequested],
)
async def set_payment_method(
    request: SetPaymentMethod,
    control: AccessControl,
    permit: Permit,
    subscribers: Subscribers,
    changes: PaymentMethodChanges,
    policy: PaymentPolicy,
    clock: Clock,
) -> Done[PaymentMethodAccepted]:
    subscriber = await subscribers.get(await control.to_team(permit, request.team_id))
    policy.require()
    if not subscriber.customer.can_pay:
        raise PaymentAccountMissing

    change, events = PaymentMethodChange.request(subscriber.customer.id, request.payment_method, clock.now())

    await changes.add(change)
    accepted = PaymentMethodAccepted(operation_id=change.id, change_id=change.id, status=change.status.value, payment_method=change.payment_method)
    former = subscriber.customer.payment_method
    changed = Change({"payment_method": former}, {"payment_method": change.payment_method}, is_personal=True)
    return Done(accepted, *events, change=changed)
