"""List the audit log, the last entry first.

Users see their own actions, and what was tried with their account without signing in. With `userId`, managers of a team see what
its service accounts did. Administrators see everything.
"""

import json
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from events.platform import ActorKind
from functions.auth.domain.audit import AuditEntry
from functions.auth.ports import AuditLog, ServiceAccounts, Teams
from functions.auth.ports.audit import AuditFilter
from functions.kernel import OWN_ACCOUNT, Caller, LaterThan, Model, Page, Permission, PositiveInt64, Text, Timestamp, query

ShortText = Annotated[Text, Field(max_length=300)]


class ListAudit(Model):
    cursor: PositiveInt64 | None = None
    limit: int = Field(default=50, ge=1, le=200)
    user_id: UUID | None = Field(default=None, description="Only entries of this user or service account.")
    action: ShortText | None = Field(default=None, examples=["deploy.roll_back"], description="A function, or a context with all its functions.")
    target: ShortText | None = Field(default=None, description="The path of a resource, with everything below it.")
    since: Timestamp | None = Field(default=None, description="The first time that is included.")
    until: Annotated[Timestamp | None, LaterThan("since")] = Field(default=None, description="The first time that is not included.")


class AuditEntryView(Model):
    """`before`, `after`: what differs; never a secret. `address`, `user_agent`: null once the user's account is deleted."""

    sequence: int
    id: UUID
    at: datetime
    function: str = Field(description="What was done.", examples=["deploy.roll_back"])
    actor: ActorKind
    user_id: UUID | None = Field(description="Who acted; of an anonymous request, the account that it concerned.")
    session_id: UUID | None = Field(description="The session, or the API token.")
    target: str = Field(description="The path of the resource.")
    outcome: str = Field(description="`done` or `rejected`.")
    reason: str | None = Field(description="The kind of rejection.")
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: str | None
    user_agent: str | None
    correlation_id: str

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditEntryView":
        fields: dict[str, Any] = json.loads(entry.content)
        personal: dict[str, Any] = json.loads(entry.personal.content) if entry.personal else {}
        merged = {"address": None, "userAgent": None} | fields | personal
        return cls.model_validate({name: merged[name] for name in (info.alias or name for name, info in cls.model_fields.items())})


@query(http="GET /v1/audit", allow=OWN_ACCOUNT, is_session_only=True)
async def audit(request: ListAudit, audit_log: AuditLog, accounts: ServiceAccounts, teams: Teams, caller: Caller) -> Page[AuditEntryView]:
    user_id = request.user_id if caller.is_admin or await _manages(request.user_id, accounts, teams, caller) else caller.user_id
    selection = AuditFilter(user_id, request.action, request.target, request.since, request.until)
    rows = await audit_log.list_page(selection, before=request.cursor, limit=request.limit + 1)
    return Page.from_rows(rows, request.limit, AuditEntryView.of, cursor=lambda row: row.sequence)


async def _manages(account_id: UUID | None, accounts: ServiceAccounts, teams: Teams, caller: Caller) -> bool:
    """Whether it is a service account, deleted or not, of a team whose members the caller manages."""
    account = await accounts.find(account_id) if account_id else None
    membership = await teams.find_membership(account.team_id, caller.user_id) if account else None
    return membership is not None and membership.allows(Permission.TEAM_MANAGE)
