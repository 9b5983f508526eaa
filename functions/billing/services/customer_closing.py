"""Starts to close the customer of a deleted user or team."""

from datetime import datetime
from uuid import UUID

from functions.billing.domain.customers import Customer, CustomerClosureRequested, CustomerExists
from functions.billing.domain.plans import FREE
from functions.billing.domain.subscriptions import LATE_USAGE_GRACE
from functions.billing.ports import Customers, Plans, Subscriptions
from functions.kernel import Clock, OutgoingMessage, Transient, after


class CustomerClosing:
    def __init__(self, customers: Customers, subscriptions: Subscriptions, plans: Plans, clock: Clock) -> None:
        self._customers = customers
        self._subscriptions = subscriptions
        self._plans = plans
        self._clock = clock

    async def start(self, team_id: UUID, at: datetime) -> tuple[OutgoingMessage, ...]:
        """End the plan after the time that usage may be late. Who is not a customer yet never becomes one. Idempotent."""
        customer = await self._customers.get_by_user(team_id)
        if customer is None:
            try:
                await self._customers.add(Customer.erased(team_id, at))
            except CustomerExists as error:
                raise Transient(f"{team_id} became a customer in the meantime") from error
            return ()
        if customer.closed_at is not None:
            return ()

        subscription = await self._subscriptions.lock(customer.id)
        await self._customers.mark_deleted(customer.id, at)
        if subscription is not None and not subscription.is_free:
            free = await self._plans.get_offered(FREE, self._clock.now())
            subscription.schedule_plan(free)  # a period that ends meanwhile is not renewed
            await self._subscriptions.save(subscription)
        return (after(LATE_USAGE_GRACE, CustomerClosureRequested(customer_id=customer.id)),)
