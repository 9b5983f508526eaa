"""What the billing context states: customers, plans and money (integers in minor units with an ISO 4217 currency)."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event


class CustomerCreated(Event, type="customer.created", subject="customer_id"):
    customer_id: UUID
    user_id: UUID
    plan: str
    at: datetime
