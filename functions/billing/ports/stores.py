"""Ports to the database of the billing context: customers, plans, subscriptions and usage."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.billing.domain.applications import Application
from functions.billing.domain.billing_details import BillingDetails
from functions.billing.domain.customers import Customer
from functions.billing.domain.payment_methods import PaymentMethodChange
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Meter, Plan
from functions.billing.domain.rated_periods import RatedPeriod
from functions.billing.domain.rejections import CustomerNotFound
from functions.billing.domain.subscribers import Subscriber
from functions.billing.domain.subscriptions import Subscription
from functions.billing.domain.transfers import Transfer
from functions.billing.domain.usage import EnvironmentUsage, Quantities, UsageRecord
from functions.kernel import TeamAccess


class Customers(Protocol):
    async def add(self, customer: Customer) -> None:
        """Raises CustomerExists if the user is a customer already."""
        ...

    async def get_by_user(self, user_id: UUID) -> Customer | None: ...

    async def get(self, customer_id: UUID) -> Customer: ...

    async def set_provider_id(self, customer_id: UUID, provider_id: str) -> None:
        """Store the id of the customer's account at the provider, unless there is one. Clears a refusal."""
        ...

    async def set_account_refusal(self, customer_id: UUID, reason: str) -> None:
        """Close paid plans to the customer, unless there is an account at the provider."""
        ...

    async def set_payment_method(self, customer_id: UUID, payment_method: str) -> None: ...

    async def set_billing_details(self, customer_id: UUID, details: BillingDetails) -> None: ...

    async def set_email(self, user_id: UUID, email: str) -> bool:
        """Replace the address; a closed customer has none. Returns False if the user is not a customer."""
        ...

    async def mark_deleted(self, customer_id: UUID, at: datetime) -> None:
        """Record that the user was deleted. Idempotent."""
        ...

    async def list_closing(self, before: datetime, limit: int) -> Sequence[Customer]:
        """Customers of users that were deleted before that time, which are not closed."""
        ...

    async def erase(self, customer_id: UUID, at: datetime) -> None:
        """Close the customer: erase address, account and payment methods. Invoices keep the address of their buyer. Idempotent."""
        ...

    async def get_many(self, customer_ids: Collection[UUID]) -> Mapping[UUID, Customer]:
        """By id. Raises LookupError if one does not exist."""
        ...

    async def list_matching(self, text: str, *, before: UUID | None, limit: int) -> Sequence[Customer]:
        """Customers whose e-mail address contains the text, with an id below `before`, newest first."""
        ...


class PaymentMethodChanges(Protocol):
    async def add(self, change: PaymentMethodChange) -> None:
        """Raises ChangeInProgress if the customer has another pending change."""
        ...

    async def get(self, change_id: UUID) -> PaymentMethodChange:
        """Raises LookupError."""
        ...

    async def get_latest(self, customer_id: UUID) -> PaymentMethodChange | None: ...

    async def save(self, change: PaymentMethodChange) -> None:
        """Update by compare-and-set on `version`. Raises Transient if the row has changed since it was read."""
        ...

    async def list_pending(self, before: datetime, limit: int) -> Sequence[PaymentMethodChange]:
        """Changes requested before that time that have no outcome, oldest first."""
        ...


class Applications(Protocol):
    """Names of applications for bills. They stay after an application is deleted."""

    async def save(self, applications: Collection[Application]) -> None:
        """Insert or update them, none twice; an older event than the stored one changes nothing."""
        ...

    async def get_many(self, application_ids: Collection[UUID]) -> dict[UUID, Application]:
        """Those that are known."""
        ...


class Plans(Protocol):
    async def list_offered(self, at: datetime) -> Sequence[Plan]:
        """The newest version of each plan on offer, cheapest first."""
        ...

    async def get_offered(self, code: str, at: datetime) -> Plan:
        """The newest version of a plan on offer. Raises LookupError if there is no plan with that code."""
        ...

    async def get(self, code: str, version: int) -> Plan:
        """Raises LookupError."""
        ...


class Subscriptions(Protocol):
    async def add(self, subscription: Subscription) -> None: ...

    async def get_current(self, customer_id: UUID) -> Subscription | None:
        """The customer's subscription that has not ended."""
        ...

    async def current_of(self, customer_ids: Collection[UUID]) -> Mapping[UUID, Subscription]:
        """As `get_current`, by customer; without those that have none."""
        ...

    async def lock(self, customer_id: UUID) -> Subscription | None:
        """As `get_current`, and lock it until the transaction ends. The lock covers the customer's invoices and payments: take it first."""
        ...

    async def save(self, subscription: Subscription) -> None:
        """Update by compare-and-set on `version`. Raises Transient if the row has changed since it was read."""
        ...

    async def end(self, subscription: Subscription, at: datetime) -> None:
        """End the subscription for good: the customer has none afterwards."""
        ...

    async def list_ended(self, before: datetime, limit: int) -> Sequence[Subscription]:
        """Subscriptions whose current period ended at or before that time, oldest first."""
        ...

    async def list_to_review(self, now: datetime, limit: int) -> Sequence[Subscription]:
        """Subscriptions that are not announced, and those that were exhausted in a period that is over."""
        ...


class UsageNotices(Protocol):
    """Which thresholds of what a plan includes a customer was notified about."""

    async def record(self, subscription_id: UUID, meter: Meter, period_begin: datetime, percent: int) -> bool:
        """Record that a share of the meter is used. Returns False if that or more was recorded in this period, or a later one."""
        ...


class MeasurementState(Protocol):
    """Whether usage is measured in this installation."""

    async def set(self, missing_since: datetime | None, at: datetime) -> None:
        """Set since when it is not measured; None: it is. An older state than the stored one changes nothing."""
        ...

    async def missing_since(self) -> datetime | None: ...


class RatedPeriods(Protocol):
    """Change only under the lock of the subscription."""

    async def save(self, period: RatedPeriod) -> None:
        """Insert the period, or update what is billed of it and whether it is open."""
        ...

    async def get(self, subscription_id: UUID, begin: datetime) -> RatedPeriod | None:
        """The period that begins at that time."""
        ...

    async def list_open(self, subscription_id: UUID) -> Sequence[RatedPeriod]:
        """The periods whose usage may still have to be billed, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Subscribers:
    """Finds the customer of a team with their subscription. Not a Protocol, because it only combines two ports."""

    customers: Customers
    subscriptions: Subscriptions

    async def get(self, access: TeamAccess) -> Subscriber:
        """Raises CustomerNotFound."""
        customer = await self.customers.get_by_user(access.team_id)
        return self._subscriber(customer, await self.subscriptions.get_current(customer.id) if customer else None)

    async def lock(self, access: TeamAccess) -> Subscriber:
        """As `get`, with the subscription locked until the transaction ends. Raises CustomerNotFound."""
        customer = await self.customers.get_by_user(access.team_id)
        return self._subscriber(customer, await self.subscriptions.lock(customer.id) if customer else None)

    @staticmethod
    def _subscriber(customer: Customer | None, subscription: Subscription | None) -> Subscriber:
        if customer is None or subscription is None:
            raise CustomerNotFound
        return Subscriber(customer, subscription)


class Usage(Protocol):
    async def owner_at(self, application_id: UUID, at: datetime) -> UUID | None:
        """Who owned the application, if it was ever moved; None: whoever the record names. `transfer` waits until the transaction ends."""
        ...

    async def transfer(self, transfer: Transfer) -> None:
        """Remember a transfer, and move the records that were added to another payer. Idempotent, in any order."""
        ...

    async def record(self, record: UsageRecord) -> bool:
        """Add the record to its hour. Returns False, and adds nothing, if its id was recorded before."""
        ...

    async def by_environment(self, user_id: UUID, period: Period) -> Sequence[EnvironmentUsage]:
        """The usage of a period of whole days (UTC), summed by application and environment and sorted by both."""
        ...

    async def total(self, user_id: UUID, period: Period) -> Quantities:
        """The same over all applications. Reads a row for each day, however many applications there are."""
        ...

    async def prune_ids(self, before: datetime) -> int:
        """Delete one batch of records (not their sums) with a window that began before that time. Returns their number."""
        ...


class Housekeeping(Protocol):
    """The runtime's own clean-up of this context's database: unsent events, old inbox rows, old replies."""

    async def sweep(self) -> None: ...
