"""Customers: the paying side of a user."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from events.billing import CustomerCreated, PaymentAccountChanged
from functions.billing.domain.billing_details import BillingDetails
from functions.kernel import Event, Events, new_id

MAX_DETAIL_LENGTH = 500


class CustomerClosureRequested(Event, type="customer.closure-requested"):
    """The customer of a deleted user is to be closed: end the plan, then settle what is owed, then erase."""

    customer_id: UUID


class CustomerErasureRequested(Event, type="customer.erasure-requested"):
    """Nothing is owed any more: close the account at the provider and erase the customer's data."""

    customer_id: UUID


class AccountStatus(StrEnum):
    """Outcome of a request to open or close an account at the payment provider."""

    OPENED = "opened"
    DELAYED = "delayed"
    REFUSED = "refused"
    GIVEN_UP = "given-up"
    OFF = "off"
    """Payments are off in this installation: there is no account, and none is needed."""


class CustomerExists(Exception):
    """The user is a customer already."""


@dataclass(frozen=True, slots=True)
class Customer:
    """`provider_id`: the customer's id at the payment provider. `payment_method`: the last one that was charged
    successfully.

    `account_refusal_reason`: why there is no account at the provider, once the registration has given up on it.
    """

    id: UUID
    user_id: UUID
    email: str
    created_at: datetime
    provider_id: str | None = None
    payment_method: str | None = None
    account_refusal_reason: str | None = None
    deleted_at: datetime | None = None
    """When the user was deleted."""
    closed_at: datetime | None = None
    """When the data was erased."""
    billing_details: BillingDetails | None = None
    """For invoices to come."""

    @classmethod
    def create(cls, user_id: UUID, email: str, plan_code: str, at: datetime) -> tuple["Customer", Events]:
        customer = cls(new_id(), user_id, email, at)
        return customer, customer.confirm(plan_code)

    @classmethod
    def erased(cls, user_id: UUID, at: datetime) -> "Customer":
        """The customer of a user who was deleted before becoming one: an event that creates it arrives late."""
        return cls(new_id(), user_id, "", at, deleted_at=at, closed_at=at)

    def confirm(self, plan_code: str) -> Events:
        """The event that states that the customer exists, again for a registration that has not seen it."""
        return (CustomerCreated(customer_id=self.id, user_id=self.user_id, plan=plan_code, at=self.created_at),)

    def report_account(self, status: AccountStatus, at: datetime, detail: str = "") -> Events:
        """The event that answers a request to open or close the account at the provider."""
        return (PaymentAccountChanged(customer_id=self.id, user_id=self.user_id, status=status, detail=detail[:MAX_DETAIL_LENGTH], at=at),)

    @property
    def can_pay(self) -> bool:
        return self.account_refusal_reason is None or self.provider_id is not None

    @property
    def account(self) -> str:
        """`opened`, `pending` or `refused`."""
        return "opened" if self.provider_id else "refused" if self.account_refusal_reason else "pending"
