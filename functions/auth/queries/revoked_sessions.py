"""List ended sessions whose access tokens are still valid.

For the gateway, which reads the whole list when it starts and then follows `session.ended`.
"""

from uuid import UUID

from pydantic import Field

from functions.auth.ports import RevokedSessions
from functions.kernel import ANYONE, Model, Page, Scale, query


class ListRevokedSessions(Model):
    cursor: UUID | None = None
    limit: int = Field(default=5_000, ge=1, le=10_000)


@query(allow=ANYONE, scale=Scale(max=1, pool=1))
async def revoked_sessions(request: ListRevokedSessions, revoked_sessions: RevokedSessions) -> Page[UUID]:
    rows = await revoked_sessions.list_page(after=request.cursor, limit=request.limit + 1)
    return Page.from_rows(rows, request.limit, lambda row: row, cursor=lambda row: row)
