"""What billing's use cases need from outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.billing.domain.customers import Customer, Subscription
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Plan
from functions.billing.domain.usage import UsageRecord, Use


class Customers(Protocol):
    async def add(self, customer: Customer) -> None:
        """Raises CustomerExists if the user is a customer already."""
        ...

    async def of_user(self, user_id: UUID) -> Customer | None: ...


class Plans(Protocol):
    async def offered(self, code: str, at: datetime) -> Plan:
        """The version that a subscription beginning now gets. Raises LookupError if no plan of that code is on offer."""
        ...

    async def get(self, code: str, version: int) -> Plan:
        """Raises LookupError."""
        ...


class Subscriptions(Protocol):
    async def add(self, subscription: Subscription) -> None: ...

    async def running(self, customer_id: UUID) -> Subscription | None:
        """The one that has not ended."""
        ...


class Usage(Protocol):
    async def record(self, record: UsageRecord) -> bool:
        """Adds the record to its hour, unless its id has been added before. True if it was added."""
        ...

    async def within(self, user_id: UUID, period: Period) -> Sequence[Use]:
        """What was used in the hours of a period, by application and environment, in a stable order."""
        ...

    async def forget_ids(self, before: datetime) -> int:
        """Forgets records (not their sums) whose window began before this; some at a time. How many were forgotten."""
        ...


class Memory(Protocol):
    """In MB."""

    @property
    def used(self) -> int: ...

    @property
    def total(self) -> int: ...


class DatabaseVitals(Protocol):
    @property
    def connected(self) -> bool: ...

    @property
    def response_ms(self) -> float: ...


class Vitals(Protocol):
    """How this process and its database are."""

    def version(self) -> str: ...

    def memory(self) -> Memory: ...

    async def database(self) -> DatabaseVitals: ...


class Housekeeping(Protocol):
    """What the runtime keeps in every context's database and has to be swept: unsent events, old inbox rows."""

    async def sweep(self) -> None: ...
