"""Sign out and end the current session. Idempotent."""

from events.auth import SessionEnded
from functions.auth.domain.session import EndReason
from functions.auth.ports import Sessions
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Done, Model, command


class Logout(Model):
    pass


@command(http="DELETE /v1/sessions/current", allow=OWN_ACCOUNT, status=204, emits=[SessionEnded])
async def logout(request: Logout, sessions: Sessions, caller: Caller, clock: Clock) -> Done[None]:
    session = await sessions.lock(caller.session_id) if caller.session_id else None
    events = session.end(EndReason.LOGGED_OUT, clock.now()) if session else ()
    if session and events:
        await sessions.save(session)
    return Done(None, *events)
