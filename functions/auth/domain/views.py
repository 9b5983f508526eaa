"""What the auth context answers: a registration, a signed-in session, an API token, a change of the e-mail address."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import Field

from functions.auth.domain.api_token import ApiToken
from functions.auth.domain.email_change import EmailChange, Side
from functions.auth.domain.identity import Identity
from functions.auth.domain.passkey import Passkey
from functions.auth.domain.registration import REFUSED, Registration
from functions.auth.domain.user import Role, User
from functions.kernel import Model, Scope

NO_ANSWER = "No answer."
"""Replaces the errors of internal systems for users; they may contain addresses and configuration."""


class SessionView(Model):
    """Tokens of a signed-in session, with the names of RFC 6749, 5.1."""

    session_id: str
    access_token: str = Field(description="A JWT for the header `Authorization: Bearer …`.")
    token_type: str = "Bearer"
    expires_in: int = Field(description="Seconds until the access token expires.", examples=[900])
    refresh_token: str = Field(description="Valid for one refresh. Using it again ends the session.")
    deletes_at: datetime | None = Field(default=None, description="When the account is deleted, unless its user restores it.")


class ProfileView(Model):
    """`name`: to show; may be empty. `deletes_at`: when the account is deleted, unless its user restores it."""

    id: UUID
    email: str
    email_verified: bool
    roles: list[Role]
    created_at: datetime
    updated_at: datetime
    name: str
    deletes_at: datetime | None

    @classmethod
    def of(cls, user: User) -> "ProfileView":
        # Not validated again, because the row is trusted and this is the most frequent request.
        return ProfileView.model_construct(
            id=user.id,
            email=user.email,
            email_verified=user.is_verified,
            roles=sorted(user.roles),
            created_at=user.registered_at,
            updated_at=user.updated_at,
            name=user.name,
            deletes_at=user.deletes_at,
        )


class EmailChangeView(Model):
    """`unconfirmed`: which of the addresses, `current` and `new`, have not confirmed the change. Empty: it took place."""

    email: str
    requested_at: datetime
    expires_at: datetime
    unconfirmed: list[Side]

    @classmethod
    def of(cls, change: EmailChange) -> Self:
        return cls(email=change.email, requested_at=change.requested_at, expires_at=change.expires_at, unconfirmed=change.unconfirmed)


class ApiTokenView(Model):
    id: UUID
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime
    is_expired: bool
    last_used_at: datetime | None = Field(description="At most 25 minutes before the last use; null if it was never used.")
    created_by: UUID | None = Field(description="The user who created a token of a service account, and knows it. Null for your own tokens.")

    @classmethod
    def of(cls, token: ApiToken, now: datetime) -> "ApiTokenView":
        return cls(
            id=token.id,
            name=token.name,
            scopes=sorted(token.scopes),
            created_at=token.created_at,
            expires_at=token.expires_at,
            is_expired=not token.is_valid(now),
            last_used_at=token.last_used_at,
            created_by=token.created_by,
        )


class IdentityView(Model):
    """An identity at a provider that signs in to the account."""

    id: UUID
    provider: str
    email: str = Field(description="At the provider when it was linked. May be empty.")
    linked_at: datetime
    last_used_at: datetime | None

    @classmethod
    def of(cls, identity: Identity) -> "IdentityView":
        return cls(
            id=identity.id,
            provider=identity.provider,
            email=identity.email,
            linked_at=identity.linked_at,
            last_used_at=identity.last_used_at,
        )


class PasskeyView(Model):
    id: UUID
    name: str
    is_synced: bool = Field(description="Whether it may be on several devices, as in a password manager.")
    created_at: datetime
    last_used_at: datetime | None

    @classmethod
    def of(cls, passkey: Passkey) -> "PasskeyView":
        return cls(id=passkey.id, name=passkey.name, is_synced=passkey.is_synced, created_at=passkey.created_at, last_used_at=passkey.last_used_at)


class RecoveryCodesView(Model):
    codes: list[str] = Field(description="Each works once in place of a code of the second factor. They are not stored: keep them safe.")


class RegistrationStepView(Model):
    step: str
    started_at: datetime
    finished_at: datetime | None
    attempts: int
    error: str | None
    """The error of the last failed attempt."""


class RegistrationView(Model):
    user_id: UUID
    email: str
    status: str
    """The current step (`customer`, `quota`, `payment-account`, `compensating`) or the outcome (`completed`, `compensated`, `failed`)."""
    summary: str
    """The state in one line, for the user."""
    failed_step: str | None
    reason: str | None
    detail: str | None
    started_at: datetime
    finished_at: datetime | None
    next_reminder_at: datetime | None
    """When the current step is requested again, unless it finishes before."""
    deadline_at: datetime | None
    """When the current step fails for good."""
    steps: list[RegistrationStepView]
    correlation_id: str

    @classmethod
    def of(cls, registration: Registration, *, for_admin: bool = False) -> Self:
        """Users see the errors of the payment provider's refusal only; `for_admin` includes those of internal systems."""
        shows_errors = for_admin or registration.reason == REFUSED
        return cls(
            user_id=registration.id,
            email=registration.email,
            status=registration.status,
            summary=registration.summary,
            failed_step=registration.failed_step,
            reason=registration.reason,
            detail=registration.detail,
            started_at=registration.started_at,
            finished_at=registration.finished_at,
            next_reminder_at=registration.reminder_at,
            deadline_at=registration.deadline_at,
            steps=[
                RegistrationStepView(
                    step=each.step,
                    started_at=each.started_at,
                    finished_at=each.finished_at,
                    attempts=each.attempts,
                    error=each.error if shows_errors or each.error is None else NO_ANSWER,
                )
                for each in registration.steps
            ],
            correlation_id=registration.correlation_id,
        )
