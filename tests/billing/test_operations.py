"""Operations of billing: what the 202 of a payment or a refund refers to, from the request to the outcome."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.billing.domain.operation_views import BillingOperationView
from functions.billing.domain.payments import PaymentReviewRequested, PaymentStatus
from functions.billing.domain.rejections import OperationNotFound
from functions.billing.queries.operation import ShowBillingOperation
from functions.billing.queries.operation_events import FollowBillingOperation
from functions.edge.gateway.responses import location_template
from functions.edge.gateway.routing import Table
from functions.kernel import Caller, EventStream
from functions.runtime.config.registry import Registry
from tests.billing.world import ADMIN, OTHER, USER, World

OPERATOR = Caller(ADMIN, frozenset({"user", "admin"}))


async def show(world: World, operation_id: UUID, caller: Caller) -> BillingOperationView:
    view: BillingOperationView = await world.capsule.call(ShowBillingOperation(operation_id=operation_id), caller=caller)
    return view


async def follow(world: World, operation_id: UUID, last: str | None = None) -> EventStream[Any]:
    request = FollowBillingOperation(operation_id=operation_id, last_event_id=last)
    stream: EventStream[Any] = await world.capsule.call(request, caller=OPERATOR)
    return stream


async def paid_invoice(world: World) -> UUID:
    await world.subscribed()
    (payment,) = world.payments.payments.values()
    return payment.invoice_id


async def test_a_refund_is_followed_to_its_end(world: World) -> None:
    invoice_id = await paid_invoice(world)
    world.provider.refund_status = PaymentStatus.PENDING
    accepted = await world.refund(invoice_id, 500)
    assert accepted.operation_id == accepted.credit_note_id
    first = await follow(world, accepted.operation_id)
    (event,) = first.events
    assert (event.data.kind, event.data.state, event.data.amount.amount, first.is_last) == ("refund", "running", 500, False)
    assert (await follow(world, accepted.operation_id, event.id)).events == []
    await world.settle()
    world.provider.set_refund(accepted.credit_note_id, PaymentStatus.FAILED, "The account is closed.")
    (payment,) = world.payments.payments.values()
    await world.publish(PaymentReviewRequested(payment_id=payment.id))
    await world.settle()
    last = await follow(world, accepted.operation_id, event.id)
    assert last.is_last and last.events[-1].data.problem.detail == "The account is closed."
    assert (await follow(world, accepted.operation_id, last.events[-1].id)).events == []


async def test_members_of_the_team_and_administrators_see_it_and_nobody_else(world: World) -> None:
    await world.register(OTHER)
    invoice_id = await paid_invoice(world)
    accepted = await world.refund(invoice_id, 500)
    await world.settle()
    for caller in (Caller(USER), OPERATOR):
        view = await show(world, accepted.operation_id, caller)
        assert (view.state, view.problem, view.resource) == ("succeeded", None, f"/v1/billing/invoices/{invoice_id}")
    for caller, operation_id in ((Caller(OTHER), accepted.operation_id), (OPERATOR, uuid4())):
        with pytest.raises(OperationNotFound):
            await show(world, operation_id, caller)


async def test_a_payment_is_an_operation_too(world: World) -> None:
    await paid_invoice(world)
    (payment,) = world.payments.payments.values()
    view = await show(world, payment.id, Caller(USER))
    assert (view.kind, view.state, view.finished_at) == ("payment", "succeeded", payment.settled_at)


def test_the_202_names_the_operation_of_its_context() -> None:
    table = Table(Registry.load().declarations)
    found = {route.name: location_template(route, table.routes) for route in table.routes}
    assert found["billing.refund_invoice"] == found["billing.pay_invoice"] == "/v1/operations/billing/{operationId}"
    assert found["deploy.stop_environment"] == "/v1/operations/{operationId}"
    for path in ("/v1/operations/mailbox", "/v1/operations/billing/dead-letters"):
        assert not table.find(path)[1], "not taken for the id of an operation"
