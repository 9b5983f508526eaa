"""Find out whether a customer has used what the plan includes, and report what has changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from functions.billing.domain.allowances import Allowance, limited_allowances, report_exhausted
from functions.billing.domain.customers import Customer
from functions.billing.domain.plans import FREE
from functions.billing.domain.subscribers import Subscriber
from functions.billing.domain.subscriptions import Subscription
from functions.billing.ports import Customers, Plans, Subscriptions, Usage, UsageNotices
from functions.kernel import Events, OutgoingMessage


@dataclass(frozen=True, slots=True)
class UsageLimits:
    customers: Customers
    subscriptions: Subscriptions
    plans: Plans
    usage: Usage
    notices: UsageNotices

    async def review_customer(self, customer_id: UUID, now: datetime) -> Events:
        """Lock the subscription and review it. Reports the subscription itself too, if a former release has not."""
        customer, subscription = await self.customers.get(customer_id), await self.subscriptions.lock(customer_id)
        if subscription is None:
            return ()
        events: Events = ()
        if not subscription.is_announced:
            subscription.is_announced = True
            plan = await self.plans.get(subscription.plan_code, subscription.plan_version)
            events = Subscriber(customer, subscription).report(plan, await self.plans.get_offered(FREE, now), now)
            await self.subscriptions.save(subscription)
        return (*events, *await self.review(customer, subscription, now))

    async def review(self, customer: Customer, subscription: Subscription, now: datetime) -> Events:
        """Return an event for each threshold that is reached for the first time in this period, and one if the exhausted
        meters have changed. Needs the lock of the subscription, and saves it. Idempotent."""
        plan, period = await self.plans.get(subscription.plan_code, subscription.plan_version), subscription.period_at(now)
        allowances: Sequence[Allowance] = ()
        if plan.has_limits:
            allowances = limited_allowances(plan, await self.usage.total(customer.user_id, period))
        events: list[OutgoingMessage] = []
        for each in allowances:
            percent = each.threshold
            if percent is not None and await self.notices.record(subscription.id, each.meter, period.begin, percent):
                events.append(each.report_threshold(percent, plan, customer, period.end, now))
        exhausted = tuple(sorted(each.meter for each in allowances if each.is_exhausted))
        if subscription.set_exhausted(exhausted, period.end):
            await self.subscriptions.save(subscription)
            events.append(report_exhausted(exhausted, plan, customer, period.end, now))
        return tuple(events)
