"""Revoke all your sessions, or all except the current one.

Their access tokens are refused within a second. API tokens stay valid.
"""

from typing import Literal

from pydantic import Field

from events.auth import SessionEnded
from functions.auth.domain.session import EndReason
from functions.auth.ports import Sessions
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Done, Model, command


class RevokeSessions(Model):
    except_: Literal["current"] | None = Field(
        default=None, alias="except", description="`current` keeps the session of this request. Without it, all sessions end."
    )


class RevokedSessionsView(Model):
    revoked: int


@command(http="DELETE /v1/sessions", allow=OWN_ACCOUNT, emits=[SessionEnded])
async def revoke_sessions(request: RevokeSessions, sessions: Sessions, caller: Caller, clock: Clock) -> Done[RevokedSessionsView]:
    kept = caller.session_id if request.except_ else None
    events = await sessions.end_all(caller.user_id, EndReason.REVOKED, clock.now(), kept=kept)
    return Done(RevokedSessionsView(revoked=len(events)), *events)
