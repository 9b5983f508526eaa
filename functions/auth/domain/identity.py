"""Identities at providers: who signs in with GitHub, Google, GitLab or another OpenID Connect provider, and to which account it leads.

An identity is known by issuer and subject (OpenID Connect Core 1.0, section 2), never by its e-mail address.
"""

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator

from events.sign_in import IdentityLinked, IdentityUnlinked
from functions.kernel import Events, Model, new_id

MAX_IDENTITIES = 20


class Protocol(StrEnum):
    OPENID_CONNECT = "oidc"
    GITHUB = "github"
    """OAuth 2 without ID tokens: the API says who the user is."""


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """`name`: in addresses and settings. `title`: for people. `issuer`: exactly as in its ID tokens; of GitHub, its address."""

    name: str
    title: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    protocol: Protocol = Protocol.OPENID_CONNECT
    api_url: str = ""

    @property
    def scope(self) -> str:
        return "openid email profile" if self.protocol is Protocol.OPENID_CONNECT else "read:user user:email"


def without_control_characters(text: str) -> str:
    """Remove what breaks lines or cannot be shown (general categories Cc, Cs, Zl and Zp of Unicode)."""
    return "".join(each for each in text if unicodedata.category(each) not in {"Cc", "Cs", "Zl", "Zp"})


def _address_or_none(text: str) -> str:
    """An address with characters removed would be another one."""
    return text if without_control_characters(text) == text else ""


class ProviderClaims(Model):
    """What a provider says about a user, after its signature or its API was checked. Neither text has control characters, which cannot be stored:
    they are removed from `name`, and `email` is empty instead."""

    issuer: str
    subject: str
    email: Annotated[str, AfterValidator(_address_or_none)] = ""
    is_email_verified: bool = False
    name: Annotated[str, AfterValidator(without_control_characters)] = ""


@dataclass(slots=True)
class Identity:
    """`email`: at the provider when it was linked, for people to recognize it."""

    id: UUID
    user_id: UUID
    provider: str
    issuer: str
    subject: str
    email: str
    linked_at: datetime
    last_used_at: datetime | None = None

    @classmethod
    def link(cls, user_id: UUID, provider: str, claims: ProviderClaims, now: datetime) -> tuple["Identity", Events]:
        identity = cls(new_id(), user_id, provider, claims.issuer, claims.subject, without_control_characters(claims.email)[:320], now)
        return identity, (IdentityLinked(identity_id=identity.id, user_id=user_id, provider=provider, at=now),)

    def unlink(self, now: datetime) -> Events:
        return (IdentityUnlinked(identity_id=self.id, user_id=self.user_id, provider=self.provider, at=now),)
