"""Erase the personal data of a deleted user in the audit log.

The entries stay, with the user's id.
"""

from events.auth import UserDeleted
from functions.auth.ports import AuditLog
from functions.kernel import Clock, Done, Origin, on


@on()
async def on_user_deleted(event: UserDeleted, audit_log: AuditLog, origin: Origin, clock: Clock) -> Done[None]:
    await audit_log.erase(event.user_id, origin.correlation_id, clock.now())
    return Done(None)
