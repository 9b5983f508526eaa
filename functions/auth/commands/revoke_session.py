"""Revoke one of your sessions.

Its access tokens are refused within a second. Idempotent.
"""

from uuid import UUID

from events.auth import SessionEnded
from functions.auth.domain.rejections import (
    SessionNotFound,
)
from functions.auth.domain.session import EndReason
from functions.auth.ports import Sessions
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Done, Model, command


class RevokeSession(Model):
    session_id: UUID


@command(http="DELETE /v1/sessions/{session_id}", allow=OWN_ACCOUNT, status=204, rejects=[SessionNotFound], emits=[SessionEnded])
async def revoke_session(request: RevokeSession, sessions: Sessions, caller: Caller, clock: Clock) -> Done[None]:
    session = await sessions.lock(request.session_id)
    if session is None or session.user_id != caller.user_id:
        raise SessionNotFound
    events = session.end(EndReason.REVOKED, clock.now())
    if events:
        await sessions.save(session)
    return Done(None, *events)
