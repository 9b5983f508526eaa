"""Who pays, and how."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from functions.kernel import new_id


class AccountStatus(StrEnum):
    OPENED = "opened"
    DELAYED = "delayed"
    REFUSED = "refused"
    GIVEN_UP = "given-up"


class CustomerExists(Exception):
    """The user is a customer already."""


@dataclass(frozen=True, slots=True)
class Customer:
    """`provider_id` is the customer's name at the payment provider; `payment_method` the one that was charged last with success; `account_refused`
    why there is no account at the provider, once the registration has given it up."""

    id: UUID
    user_id: UUID
    email: str
    created_at: datetime
    provider_id: str | None = None
    payment_method: str | None = None
    account_refused: str | None = None

    @classmethod
    def of_user(cls, user_id: UUID, email: str, at: datetime) -> "Customer":
        return cls(new_id(), user_id, email, at)

    @property
    def may_pay(self) -> bool:
        return self.account_refused is None or self.provider_id is not None

    @property
    def account(self) -> str:
        """opened, pending, or refused."""
        return "opened" if self.provider_id else "refused" if self.account_refused else "pending"
