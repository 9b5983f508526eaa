"""One sign-in with a provider, or the linking of an identity to an account: from the redirect to the provider to the identity it proves.

It belongs to the browser that began it: the browser keeps a secret token, and `state` (RFC 6749, 10.12), `nonce` (OpenID Connect Core 1.0,
15.5.2) and PKCE verifier (RFC 7636) are derived from it. Only the hash of the token is stored.
An authorization code is received once, a result is used once.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from functions.auth.domain.identity import IdentityProvider, ProviderClaims
from functions.auth.domain.sign_in_rejections import (
    InvalidAuthorizationResponse,
    ProviderLoginFailed,
    ProviderLoginPending,
    UnknownProviderLogin,
)
from functions.auth.domain.tokens import OpaqueToken
from functions.kernel import Event, Events, Model, new_id

LIFETIME = timedelta(minutes=10)
PREFIX = "cpi_"
MAX_FAILURE_LENGTH = 500


class Status(StrEnum):
    BEGUN = "begun"
    RECEIVED = "received"
    """The authorization code is here; the effect exchanges it."""
    IDENTIFIED = "identified"
    FAILED = "failed"
    FINISHED = "finished"


class AuthorizationCodeReceived(Event, type="authorization-code.received"):
    """The provider sent a browser back with an authorization code, to be exchanged outside of a transaction."""

    login_id: UUID
    at: datetime


class ReceivedCode(Model):
    """What the exchange needs. Stored sealed."""

    code: str
    verifier: str
    nonce: str
    has_issuer: bool
    """Whether the response named its issuer (RFC 9207)."""


def s256_challenge(verifier: str) -> str:
    """RFC 7636, 4.2: S256."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class BrowserToken:
    """The secret of the browser that began the sign-in."""

    token: OpaqueToken

    @classmethod
    def new(cls) -> "BrowserToken":
        return cls(OpaqueToken(PREFIX + secrets.token_urlsafe(32)))

    @property
    def state(self) -> str:
        return self._derived("state")

    @property
    def nonce(self) -> str:
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        return s256_challenge(self.verifier)

    def _derived(self, purpose: str) -> str:
        """256 bits, which reveal neither the token nor another value."""
        return urlsafe_b64encode(hmac.digest(self.token.text.encode(), purpose.encode(), "sha256")).rstrip(b"=").decode()


@dataclass(slots=True)
class ProviderLogin:
    """`user_id`: of the signed-in user who links an identity; None for a sign-in."""

    id: UUID
    token_hash: bytes
    provider: str
    user_id: UUID | None
    created_at: datetime
    expires_at: datetime
    status: Status = Status.BEGUN
    sealed_code: str | None = field(default=None, repr=False)
    claims: ProviderClaims | None = None
    failure: str = ""

    @classmethod
    def begin(cls, provider: str, token: BrowserToken, user_id: UUID | None, now: datetime) -> "ProviderLogin":
        return cls(new_id(), token.token.hash, provider, user_id, now, now + LIFETIME)

    def receive(self, provider: IdentityProvider, token: BrowserToken, state: str, issuer: str | None, now: datetime) -> None:
        """Check that a response belongs to this sign-in, this browser and this provider. The response is used up in any case.

        `issuer`: the parameter `iss` (RFC 9207). Raises InvalidAuthorizationResponse, UnknownProviderLogin.
        """
        self.require_open(now)
        if self.status is not Status.BEGUN:
            raise InvalidAuthorizationResponse("A response to this sign-in was received before.")
        self.status = Status.FAILED
        if provider.name != self.provider or (issuer is not None and issuer != provider.issuer):
            self.failure = "The response is from another provider."
        elif not hmac.compare_digest(state.encode(), token.state.encode()):
            self.failure = "The response belongs to another sign-in."
        if self.failure:
            raise InvalidAuthorizationResponse(self.failure)

    def accept_code(self, sealed_code: str, now: datetime) -> Events:
        self.status, self.sealed_code = Status.RECEIVED, sealed_code
        return (AuthorizationCodeReceived(login_id=self.id, at=now),)

    def identify(self, claims: ProviderClaims) -> None:
        self.status, self.claims, self.sealed_code = Status.IDENTIFIED, claims, None

    def fail(self, reason: str) -> None:
        self.status, self.failure, self.sealed_code = Status.FAILED, reason[:MAX_FAILURE_LENGTH], None

    def finish(self, user_id: UUID | None, now: datetime) -> ProviderClaims:
        """Return what the provider said, once. `user_id`: of the caller who links.

        Raises ProviderLoginPending, ProviderLoginFailed, UnknownProviderLogin.
        """
        self.require_open(now)
        if self.user_id != user_id:
            raise UnknownProviderLogin
        match self.status:
            case Status.BEGUN | Status.RECEIVED:
                raise ProviderLoginPending(retry_after=1)
            case Status.FAILED:
                raise ProviderLoginFailed(self.failure)
            case Status.FINISHED:
                raise UnknownProviderLogin
        assert self.claims is not None
        self.status = Status.FINISHED
        return self.claims

    def require_open(self, now: datetime) -> None:
        """Raises UnknownProviderLogin."""
        if now >= self.expires_at:
            raise UnknownProviderLogin
