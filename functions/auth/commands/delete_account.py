"""Delete your account after a grace period.

Needs the password, and a recent sign-in if the account has a second factor. All sessions end at once; until the account
is deleted, its user can sign in again and restore it. Everything keeps running meanwhile. What is owed in the end is on a final invoice.
"""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from events.auth import AccountDeletionRequested, SessionEnded
from functions.auth.domain.rejections import (
    AccountLocked,
    LastAdministrator,
    UnknownUser,
    WrongPassword,
)
from functions.auth.domain.session import EndReason
from functions.auth.domain.team_rejections import (
    OwnsTeams,
)
from functions.auth.ports import DeletionPolicy, Sessions, Users
from functions.auth.services.code_check import CodeCheck
from functions.auth.services.password_check import PasswordCheck
from functions.auth.services.team_affiliations import TeamAffiliations
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Done, Model, RecentLoginRequired, Rejected, SecretText, command


class DeleteAccount(Model):
    password: SecretText = Field(examples=["correct horse battery staple"], description="The current password.")


class AccountDeletionAccepted(Model):
    operation_id: UUID
    deletes_at: datetime
    message: str = "The account will be deleted. To keep it, sign in before that time and restore it."


@command(
    http="POST /v1/users/me/deletion",
    allow=OWN_ACCOUNT,
    status=202,
    rejects=[UnknownUser, WrongPassword, AccountLocked, LastAdministrator, OwnsTeams, RecentLoginRequired],
    emits=[AccountDeletionRequested, SessionEnded],
)
async def delete_account(
    request: DeleteAccount,
    users: Users,
    sessions: Sessions,
    check: PasswordCheck,
    codes: CodeCheck,
    policy: DeletionPolicy,
    affiliations: TeamAffiliations,
    caller: Caller,
    clock: Clock,
) -> Done[AccountDeletionAccepted] | Rejected:
    now = clock.now()
    user = await users.lock(caller.user_id)
    if user is None:
        raise UnknownUser
    await codes.require_recent_login(user, caller, now)
    if not await check.confirms(user, request.password.get_secret_value(), now):
        return Rejected(WrongPassword())
    if [admin.id for admin in await users.list_verified_admins() if admin.deletes_at is None] == [user.id]:
        raise LastAdministrator
    if owned := await affiliations.owned_alone(user.id):
        names = ", ".join(f'"{team.name}"' for team in owned)
        raise OwnsTeams(f"You are the only owner of {names}, with other members or applications. Transfer or delete first: capsule teams transfer.")

    events = user.request_deletion(policy.grace, now)
    assert user.deletes_at is not None and user.deletion_id is not None, "it was requested above"
    await users.save(user)
    ended = await sessions.end_all(user.id, EndReason.ACCOUNT_DELETED, now)
    return Done(AccountDeletionAccepted(operation_id=user.deletion_id, deletes_at=user.deletes_at), *events, *ended)
