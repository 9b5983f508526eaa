"""List your sessions, the last one that started first.

Sessions that have ended or expired are not listed.
"""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from functions.auth.domain.session import Method, Session
from functions.auth.domain.user_agent import UserAgent
from functions.auth.ports import Sessions
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Model, Page, query


class ListSessions(Model):
    cursor: UUID | None = None
    limit: int = Field(default=50, ge=1, le=200)


class ActiveSessionView(Model):
    """A signed-in device. Its client has sent address and User-Agent at the last refresh; a client may send any User-Agent."""

    id: UUID
    is_current: bool = Field(description="Whether the access token of this request belongs to the session.")
    program: str = Field(description="Browser or tool. Empty if the User-Agent does not name it.", examples=["Firefox 127"])
    system: str = Field(description="Operating system. Empty if the User-Agent does not name it.", examples=["Linux"])
    user_agent: str
    address: str
    started_at: datetime
    last_seen_at: datetime = Field(description="The last sign-in or refresh: at most 15 minutes before the last request.")
    expires_at: datetime = Field(description="When the session expires unless it is refreshed before.")
    has_second_factor: bool = Field(description="Whether a code of the second factor was entered in this session.")

    @classmethod
    def of(cls, session: Session, caller: Caller) -> "ActiveSessionView":
        user_agent = UserAgent.parse(session.device.user_agent)
        return cls(
            id=session.id,
            is_current=session.id == caller.session_id,
            program=user_agent.program,
            system=user_agent.system,
            user_agent=session.device.user_agent,
            address=session.device.address,
            started_at=session.started_at,
            last_seen_at=session.last_seen_at,
            expires_at=session.expires_at,
            has_second_factor=Method.CODE in session.methods,
        )


@query(http="GET /v1/sessions", allow=OWN_ACCOUNT, is_session_only=True)
async def sessions(request: ListSessions, sessions: Sessions, caller: Caller, clock: Clock) -> Page[ActiveSessionView]:
    rows = await sessions.list_active(caller.user_id, clock.now(), before=request.cursor, limit=request.limit + 1)
    return Page.from_rows(rows, request.limit, lambda row: ActiveSessionView.of(row, caller), cursor=lambda row: row.id)
