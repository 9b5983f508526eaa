"""Add a record of usage to the hour in which its window began, and review what its payer has used of the plan."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from functions.billing.domain.applications import Application
from functions.billing.domain.usage import UsageRecord
from functions.billing.ports import Applications, Customers, Subscriptions, Usage
from functions.billing.services.usage_limits import UsageLimits
from functions.kernel import Events


@dataclass(frozen=True, slots=True)
class UsageRecorder:
    applications: Applications
    customers: Customers
    subscriptions: Subscriptions
    usage: Usage
    limits: UsageLimits

    async def payer(self, application_id: UUID, begin: datetime, named: UUID) -> UUID:
        """Who owned the application when the window began. `named`: the owner that the measurement names, for an application that never moved."""
        return await self.usage.owner_at(application_id, begin) or named

    async def add(self, record: UsageRecord, application: str, now: datetime) -> Events:
        """Idempotent. `application`: its name, if it is known. Raises ImplausibleUsage."""
        record.check(now)
        if application:
            await self.applications.save([Application.used(record.application_id, application)])
        customer = await self.customers.get_by_user(record.user_id)
        # the lock comes before the record: of two records at once, the second one sees the sum of both
        subscription = await self.subscriptions.lock(customer.id) if customer is not None else None
        if not await self.usage.record(record) or customer is None or subscription is None:
            return ()
        return await self.limits.review(customer, subscription, now)
