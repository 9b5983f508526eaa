"""List and search users, newest first."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.auth.domain.admin_views import UserView
from functions.auth.ports import Users
from functions.kernel import ADMIN, Model, Page, Scale, Text, query


class ListUsers(Model):
    search: Annotated[Text, Field(max_length=320, description="Part of the e-mail address or the name.")] = ""
    suspended: bool | None = Field(default=None, description="Only suspended accounts, or only the others.")
    cursor: UUID | None = None
    limit: int = Field(default=50, ge=1, le=200)


@query(http="GET /v1/admin/users", allow=ADMIN, scale=Scale(max=1))
async def users(request: ListUsers, users: Users) -> Page[UserView]:
    rows = await users.list_page(request.search.strip(), is_suspended=request.suspended, before=request.cursor, limit=request.limit + 1)
    return Page.from_rows(rows, request.limit, UserView.of, cursor=lambda row: row.id)
