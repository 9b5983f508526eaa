"""Sign out and end the current session. Idempotent."""

from events.auth import SessionEnded
from functions.auth.domain.session import EndReason
from functions.auth.ports import Sessions
from functions.kernel import Caller, Clock, Done, Model, command


class Logout(Model):
    pass


@command(http="DELETE /v1/sessions/current", status=204, emits=[SessionEnded])
async def logout(request: Logout, sessions: Sessions, caller: Caller, clock: Clock) -> Done[None]:
    now = clock.now()
    session = await sessions.lock(caller.session_id) if caller.session_id else None
    if session is None or not session.end(EndReason.LOGGED_OUT, now):
        return Done(None)

    await sessions.save(session)
    return Done(None, SessionEnded(session_id=session.id, user_id=session.user_id, reason=EndReason.LOGGED_OUT, at=now))
