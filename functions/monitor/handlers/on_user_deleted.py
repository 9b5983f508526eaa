"""Delete what is stored about a deleted user.

That is the address, webhooks, and logs, metrics and alerts of the applications. Housekeeping repeats it for what arrives while the
applications are being deleted.
"""

from events.auth import UserDeleted
from functions.kernel import Work, effect
from functions.monitor.ports import Erasures
from functions.monitor.services.erasure import Erasure


@effect()
async def on_user_deleted(event: UserDeleted, erasures: Erasures, erasure: Erasure, work: Work) -> None:
    async with work.preparing():
        await erasures.add(event.user_id, event.at)
    await erasure.erase(event.user_id, work)
    async with work.recording():
        pass  # claims the message: everything before is idempotent
