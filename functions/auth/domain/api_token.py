"""An API token: long-lived access for a program, with scopes, in place of a session.

The gateway exchanges it for access tokens, which carry its id as their session id: so the list of ended sessions refuses them
when the token is revoked. Only the hash of the token is stored, and it is shown once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import StringConstraints

from events.auth import ApiTokenCreated, ApiTokenRevoked, SessionEnded
from functions.auth.domain.access_grant import AccessGrant
from functions.auth.domain.rejections import (
    InvalidApiToken,
    InvalidTokenScopes,
)
from functions.auth.domain.service_account import ServiceAccount
from functions.auth.domain.session import EndReason
from functions.auth.domain.team_rejections import DisabledServiceAccount
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.user import Role, User
from functions.kernel import ONE_LINE, Events, FieldError, Scope, new_id
from functions.wire import api_tokens

ApiTokenName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64), ONE_LINE]
MAX_LIFETIME_DAYS = 365
MAX_TOKENS = 50
"""Of one user, expired ones included until they are pruned."""
USE_PRECISION = timedelta(minutes=10)
"""`last_used_at` is at most this much older than the last use, so that not every exchange writes."""


@dataclass(slots=True)
class ApiToken:
    id: UUID
    user_id: UUID
    name: str
    scopes: frozenset[Scope]
    token_hash: bytes = field(repr=False)
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    is_of_service_account: bool = False
    """Then `user_id` is the id of the service account."""
    created_by: UUID | None = None
    """Who created the token of a service account and has seen it. None for a user's own token, and for tokens of before this was stored."""

    @classmethod
    def create(cls, user: User, name: str, scopes: Sequence[Scope], lifetime_days: int, now: datetime) -> tuple["ApiToken", OpaqueToken, Events]:
        """Return the token, its text and the event. Raises InvalidTokenScopes."""
        if Scope.ADMIN in scopes and Role.ADMIN not in user.roles:
            detail = "The scope admin needs the role admin, which your account does not have. Choose other scopes."
            raise InvalidTokenScopes(detail, errors=[FieldError("/scopes", detail)])
        return cls._new(user.id, name, scopes, lifetime_days, now)

    @classmethod
    def create_for_service_account(
        cls, account: ServiceAccount, created_by: UUID, name: str, scopes: Sequence[Scope], lifetime_days: int, now: datetime
    ) -> tuple["ApiToken", OpaqueToken, Events]:
        """As `create`. Raises InvalidTokenScopes and DisabledServiceAccount."""
        if Scope.ADMIN in scopes:
            detail = "The scope admin is for administrators of the installation, and a service account is none. Choose other scopes."
            raise InvalidTokenScopes(detail, errors=[FieldError("/scopes", detail)])
        if not account.is_active:
            raise DisabledServiceAccount
        return cls._new(account.id, name, scopes, lifetime_days, now, is_of_service_account=True, created_by=created_by)

    @classmethod
    def _new(
        cls, user_id: UUID, name: str, scopes: Sequence[Scope], lifetime_days: int, now: datetime, **service_account: Any
    ) -> tuple["ApiToken", OpaqueToken, Events]:
        text, expires_at = OpaqueToken(api_tokens.new_token()), now + timedelta(days=lifetime_days)
        token = cls(new_id(), user_id, name, frozenset(scopes), text.hash, now, expires_at, **service_account)
        created = ApiTokenCreated(
            token_id=token.id, user_id=user_id, name=name, scopes=tuple(sorted(token.scopes)), expires_at=token.expires_at, at=now
        )
        return token, text, (created,)

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at

    def use(self, now: datetime) -> bool:
        """Record a use. Returns whether that changes the token. Raises InvalidApiToken."""
        if self.revoked_at is not None:
            raise InvalidApiToken(f'The API token "{self.name}" has been revoked. Create another one: {self._creation}.')
        if now >= self.expires_at:
            detail = f'The API token "{self.name}" expired on {self.expires_at:%Y-%m-%d}. Create another one: {self._creation}.'
            raise InvalidApiToken(detail)
        if self.last_used_at is not None and now - self.last_used_at < USE_PRECISION:
            return False
        self.last_used_at = now
        return True

    @property
    def _creation(self) -> str:
        return "capsule service-accounts create-token" if self.is_of_service_account else "capsule tokens create"

    def refuse(self, now: datetime) -> Events:
        """Have its access tokens refused while its holder may not act."""
        return (SessionEnded(session_id=self.id, user_id=self.user_id, reason=EndReason.SUSPENDED, at=now),)

    @property
    def grant(self) -> AccessGrant:
        return AccessGrant(self.id, scopes=sorted(self.scopes), expires_at=self.expires_at)

    def revoke(self, now: datetime, reason: EndReason = EndReason.TOKEN_REVOKED) -> Events:
        """Idempotent."""
        if self.revoked_at is not None:
            return ()
        self.revoked_at = now
        return (
            ApiTokenRevoked(token_id=self.id, user_id=self.user_id, name=self.name, at=now),
            SessionEnded(session_id=self.id, user_id=self.user_id, reason=reason, at=now),
        )
