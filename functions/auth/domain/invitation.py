"""An invitation to a team by e-mail. The link in the e-mail, and the account of its address, accept it once."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from events.teams import TeamInvitationCreated, TeamInvitationRevoked
from functions.auth.domain.email import Email
from functions.auth.domain.rejections import (
    ExpiredLink,
)
from functions.auth.domain.team_rejections import (
    InvitationForOther,
)
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.user import User
from functions.kernel import Events, Membership, Role, new_id

LIFETIME = timedelta(days=7)
MAX_PER_HOUR = 30
"""Invitations that one user may send, so that strangers are not flooded. Revoked, accepted and deleted ones count."""
MAX_TO_ADDRESS_PER_DAY = 5
"""Invitations that one address gets, from whomever."""


def hash_address(address: str) -> bytes:
    """SHA-256: what is kept of an invited address for the limit."""
    return hashlib.sha256(address.encode()).digest()


@dataclass(slots=True)
class Invitation:
    """`id`: also the intent of its e-mail, from which the token is derived. Only the hash of the token is stored."""

    id: UUID
    team_id: UUID
    email: str
    role: Role
    invited_by: UUID
    token_hash: bytes = field(repr=False)
    created_at: datetime
    expires_at: datetime

    @classmethod
    def create(cls, id: UUID, team_id: UUID, email: Email, role: Role, invited_by: UUID, token: OpaqueToken, now: datetime) -> tuple[Self, Events]:
        invitation = cls(id, team_id, email.address, role, invited_by, token.hash, now, now + LIFETIME)
        return invitation, (TeamInvitationCreated(invitation_id=id, team_id=team_id, invited_by=invited_by, role=role.value, at=now),)

    @property
    def address_hash(self) -> bytes:
        return hash_address(self.email)

    def accept(self, user: User, now: datetime) -> Membership:
        """Raises ExpiredLink, and InvitationForOther for an account with another address."""
        if now >= self.expires_at:
            raise ExpiredLink
        if user.email != self.email:
            raise InvitationForOther
        return Membership(new_id(), self.team_id, user.id, self.role)

    def revoke(self, now: datetime) -> Events:
        return (TeamInvitationRevoked(invitation_id=self.id, team_id=self.team_id, at=now),)
