"""Confirm the change of an e-mail address.

Takes the token of the link in an e-mail. The change takes place when both addresses have confirmed it. All sessions and all
other links of the account end. An account that nobody verified loses the address: whoever confirms the change reads its
e-mail.
"""

from pydantic import Field

from events.auth import EmailChanged, SessionEnded, UserDeleted, UserExpired
from events.teams import TeamChanged
from functions.auth.domain.email import Email
from functions.auth.domain.rejections import (
    EmailUnavailable,
    ExpiredLink,
    UnknownLink,
    UsedLink,
)
from functions.auth.domain.session import EndReason
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.views import EmailChangeView
from functions.auth.ports import EmailChanges, EmailTaken, Sessions, Users, VerificationTokens
from functions.auth.services.team_affiliations import TeamAffiliations
from functions.kernel import ANYONE, Change, Clock, Done, Events, Model, SecretText, command


class ConfirmEmailChange(Model):
    token: SecretText = Field(description="The value of `token=` in the e-mailed link.")


@command(
    http="POST /v1/email-changes/confirm",
    allow=ANYONE,
    rejects=[UnknownLink, UsedLink, ExpiredLink, EmailUnavailable],
    emits=[EmailChanged, SessionEnded, TeamChanged, UserExpired, UserDeleted],
)
async def confirm_email_change(
    request: ConfirmEmailChange,
    changes: EmailChanges,
    users: Users,
    sessions: Sessions,
    tokens: VerificationTokens,
    affiliations: TeamAffiliations,
    clock: Clock,
) -> Done[EmailChangeView]:
    now, token = clock.now(), OpaqueToken(request.token.get_secret_value().strip())
    change = await changes.lock_by_token(token)
    user = await users.get(change.user_id) if change else None
    if change is None or user is None:
        raise UnknownLink
    if not change.confirm(token, now):
        await changes.save(change)
        return Done(EmailChangeView.of(change), change=Change(target=f"users/{user.id}/email-change", user_id=user.id))

    expired: Events = ()
    other = await users.get_by_email(Email(change.email))
    if other is not None and not other.is_verified:
        if not await users.delete_if_unverified(other.id):
            raise EmailUnavailable  # verified meanwhile
        expired = other.expire(now)
    former_email, events = user.email, user.change_email(change.email, now)
    try:
        await users.save(user)
    except EmailTaken as error:
        raise EmailUnavailable from error
    change.complete(now)
    await changes.save(change)
    await tokens.use_all(user.id, now)
    ended = await sessions.end_all(user.id, EndReason.EMAIL_CHANGED, now)
    of_teams = await affiliations.change_email(user.id, former_email, user.email, now)
    changed = Change({"email": former_email}, {"email": user.email}, is_personal=True, target=f"users/{user.id}/email", user_id=user.id)
    return Done(EmailChangeView.of(change), *expired, *events, *of_teams, *ended, change=changed)
