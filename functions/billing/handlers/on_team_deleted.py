"""Start to close the customer of a deleted team.

As for a deleted user: what is owed is on a final invoice, and invoices stay.
"""

from events.teams import TeamDeleted
from functions.billing.domain.customers import CustomerClosureRequested
from functions.billing.services.customer_closing import CustomerClosing
from functions.kernel import Done, Scale, on


@on(emits=[CustomerClosureRequested], scale=Scale(max=2))
async def on_team_deleted(event: TeamDeleted, closing: CustomerClosing) -> Done[None]:
    return Done(None, *await closing.start(event.team_id, event.at))
