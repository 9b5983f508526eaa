"""Request another e-mail address for your account.

Needs the password, and a recent sign-in if the account has a second factor. Both addresses get a link, and the change waits
for both for a day; another request replaces it. Neither the answer nor its time reveals whether the new address has an
account: then no link is sent to it.
"""

from typing import Self
from uuid import UUID

from pydantic import Field

from events.auth import EmailChangeRequested
from functions.auth.domain.email import Email
from functions.auth.domain.email_change import EmailChange
from functions.auth.domain.rejections import (
    AccountLocked,
    EmailUnchanged,
    InvalidEmail,
    UnknownUser,
    WrongPassword,
)
from functions.auth.domain.views import EmailChangeView
from functions.auth.ports import EmailChanges, EmailTokens, Users
from functions.auth.services.code_check import CodeCheck
from functions.auth.services.password_check import PasswordCheck
from functions.kernel import OWN_ACCOUNT, Caller, Change, Clock, Done, Model, RecentLoginRequired, Rejected, SecretText, command


class RequestEmailChange(Model):
    email: str = Field(examples=["ada@example.com"], max_length=320)
    password: SecretText = Field(examples=["correct horse battery staple"], description="The current password.")


class EmailChangeAccepted(EmailChangeView):
    """The pending change."""

    operation_id: UUID

    @classmethod
    def of(cls, change: EmailChange) -> Self:
        return cls(operation_id=change.id, **EmailChangeView.of(change).model_dump())


@command(
    http="PUT /v1/users/me/email-change",
    allow=OWN_ACCOUNT,
    status=202,
    rejects=[InvalidEmail, EmailUnchanged, UnknownUser, WrongPassword, AccountLocked, RecentLoginRequired],
    emits=[EmailChangeRequested],
)
async def request_email_change(
    request: RequestEmailChange,
    users: Users,
    changes: EmailChanges,
    check: PasswordCheck,
    codes: CodeCheck,
    email_tokens: EmailTokens,
    caller: Caller,
    clock: Clock,
) -> Done[EmailChangeAccepted] | Rejected:
    email, now = Email(request.email), clock.now()
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    await codes.require_recent_login(user, caller, now)
    if not await check.confirms(user, request.password.get_secret_value(), now):
        return Rejected(WrongPassword())

    change, events = EmailChange.request(user, email, email_tokens.mint, now)
    await changes.replace(change)
    requested = Change(after={"email": change.email}, is_personal=True)
    return Done(EmailChangeAccepted.of(change), *events, change=requested)
