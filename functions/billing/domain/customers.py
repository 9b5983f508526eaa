"""Who pays, and how."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from functions.kernel import new_id


class CustomerExists(Exception):
    """The user is a customer already."""


@dataclass(frozen=True, slots=True)
class Customer:
    """`provider_id` is the customer's name at the payment provider; `payment_method` the one that was charged last with success."""

    id: UUID
    user_id: UUID
    email: str
    created_at: datetime
    provider_id: str | None = None
    payment_method: str | None = None

    @classmethod
    def of_user(cls, user_id: UUID, email: str, at: datetime) -> "Customer":
        return cls(new_id(), user_id, email, at)
