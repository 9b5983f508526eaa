"""Export the data of your account.

One part of the export of all data about a user: each context has its own.
"""

from datetime import datetime
from uuid import UUID

from functions.auth.domain.rejections import (
    UnknownUser,
)
from functions.auth.domain.team_views import TeamPermissionsView
from functions.auth.domain.views import ApiTokenView, EmailChangeView, ProfileView, RegistrationView
from functions.auth.ports import ApiTokens, EmailChanges, Registrations, Sessions, Teams, Users
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Model, query

MAX_SESSIONS = 1_000


class ExportAccount(Model):
    pass


class ExportedSessionView(Model):
    id: UUID
    address: str
    user_agent: str
    started_at: datetime
    last_seen_at: datetime


class AccountExport(Model):
    profile: ProfileView
    registration: RegistrationView | None
    email_change: EmailChangeView | None
    sessions: list[ExportedSessionView]
    api_tokens: list[ApiTokenView]
    teams: list[TeamPermissionsView]
    """Shared teams."""


@query(http="GET /v1/users/me/exports/auth", allow=OWN_ACCOUNT, rejects=[UnknownUser], is_session_only=True)
async def export(
    request: ExportAccount,
    users: Users,
    registrations: Registrations,
    changes: EmailChanges,
    sessions: Sessions,
    api_tokens: ApiTokens,
    teams: Teams,
    caller: Caller,
    clock: Clock,
) -> AccountExport:
    now = clock.now()
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    registration, change = await registrations.get(user.id), await changes.get(user.id)
    return AccountExport(
        profile=ProfileView.of(user),
        registration=RegistrationView.of(registration) if registration else None,
        email_change=EmailChangeView.of(change) if change else None,
        sessions=[
            ExportedSessionView(
                id=each.id,
                address=each.device.address,
                user_agent=each.device.user_agent,
                started_at=each.started_at,
                last_seen_at=each.last_seen_at,
            )
            for each in await sessions.list_active(user.id, now, before=None, limit=MAX_SESSIONS)
        ],
        api_tokens=[ApiTokenView.of(each, now) for each in await api_tokens.list_for_user(user.id)],
        teams=[TeamPermissionsView.of(membership, team.name) for team, membership in await teams.list_of(user.id)],
    )
