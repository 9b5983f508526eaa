"""Customers: the paying side of a user."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from functions.kernel import new_id


class AccountStatus(StrEnum):
    """Outcome of a request to open or close an account at the payment provider."""

    OPENED = "opened"
    DELAYED = "delayed"
    REFUSED = "refused"
    GIVEN_UP = "given-up"


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

    @classmethod
    def create(cls, user_id: UUID, email: str, at: datetime) -> "Customer":
        return cls(new_id(), user_id, email, at)

    @property
    def can_pay(self) -> bool:
        return self.account_refusal_reason is None or self.provider_id is not None

    @property
    def account(self) -> str:
        """`opened`, `pending` or `refused`."""
        return "opened" if self.provider_id else "refused" if self.account_refusal_reason else "pending"
