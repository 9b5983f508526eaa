"""A subscriber: a customer with their current subscription. Changes of the subscription return `subscription.changed`."""

from dataclasses import asdict, dataclass
from datetime import datetime

from events.billing import Allowed, AllowedStorage, SubscriptionChanged
from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import Invoice
from functions.billing.domain.plans import Plan
from functions.billing.domain.rejections import InvoiceNotFound
from functions.billing.domain.subscriptions import ChangeTiming, Subscription, SubscriptionStatus
from functions.kernel import Events


@dataclass(frozen=True, slots=True)
class Subscriber:
    """`current` is the subscription's plan before the change, `free` the free plan: a suspended subscription has its entitlements."""

    customer: Customer
    subscription: Subscription

    def require_own(self, invoice: Invoice) -> Invoice:
        """Return the invoice. Raises InvoiceNotFound if it belongs to another customer."""
        if invoice.customer_id != self.customer.id:
            raise InvoiceNotFound
        return invoice

    def schedule_plan(self, plan: Plan, current: Plan, free: Plan, now: datetime) -> Events:
        """Change to `plan` when the current period ends."""
        self.subscription.schedule_plan(plan)
        return self.report(current, free, now)

    def cancel(self, current: Plan, free: Plan, now: datetime) -> tuple[ChangeTiming, Events]:
        """Change to the free plan. Raises NothingToCancel."""
        timing = self.subscription.cancel(free, now)
        return timing, self.report(free if timing is ChangeTiming.NOW else current, free, now)

    def resume(self, current: Plan, free: Plan, now: datetime) -> Events:
        """Undo a scheduled cancellation or plan change. Raises NothingToResume."""
        self.subscription.resume()
        return self.report(current, free, now)

    def renew(self, current: Plan, following: Plan, free: Plan, now: datetime) -> Events:
        """Start the next period with the plan `following`. Returns an event if the plan changes."""
        self.subscription.renew(now)
        return self.report(following, free, now) if following.code != current.code else ()

    def report(self, plan: Plan, free: Plan, at: datetime) -> Events:
        """The event with the subscription's current state. `plan` is its plan."""
        subscription = self.subscription
        entitlements = (free if subscription.status is SubscriptionStatus.SUSPENDED else plan).entitlements
        changed = SubscriptionChanged(
            subscription_id=subscription.id,
            customer_id=self.customer.id,
            user_id=self.customer.user_id,
            plan=subscription.plan_code,
            plan_version=subscription.plan_version,
            status=subscription.status.value,
            allowed=Allowed(
                applications=entitlements.applications,
                memory_mib=entitlements.memory_mib,
                storage=AllowedStorage(**asdict(entitlements.storage)),
            ),
            period_end=subscription.billed_until,
            next_plan=subscription.next_plan_code,
            at=at,
        )
        return (changed,)
