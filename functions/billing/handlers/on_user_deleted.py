"""Start to close the customer of a deleted user.

The plan ends after the time that usage may be late. A user who is not a customer yet never becomes one.
"""

from events.auth import UserDeleted
from functions.billing.domain.customers import CustomerClosureRequested
from functions.billing.services.customer_closing import CustomerClosing
from functions.kernel import Done, on


@on(emits=[CustomerClosureRequested])
async def on_user_deleted(event: UserDeleted, closing: CustomerClosing) -> Done[None]:
    return Done(None, *await closing.start(event.user_id, event.at))
