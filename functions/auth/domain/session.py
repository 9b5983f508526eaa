"""A session: one device signed in, and the family of refresh tokens that keeps it so.

Tokens of a family are counted in generations. Only the newest generation rotates the family. The one before is let pass for a few seconds and a
few times, because two tabs of one browser may refresh at once or an answer may be lost: it gets a sibling of the newest. Anything older was kept
by somebody who should not have it, so the session ends. What decides is the durable count; the clock only closes the grace.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from functions.auth.domain.rejections import SessionOver
from functions.kernel import Client, new_id

IDLE = timedelta(days=30)
LONGEST = timedelta(days=180)
GRACE = timedelta(seconds=10)
GRACE_USES = 3


class EndReason(StrEnum):
    LOGGED_OUT = "logged-out"
    REFRESH_TOKEN_REUSED = "refresh-token-reused"


@dataclass(frozen=True, slots=True)
class Device:
    address: str
    user_agent: str

    @classmethod
    def of(cls, client: Client) -> "Device":
        return cls(client.address[:64], client.user_agent[:512])


@dataclass(slots=True)
class RefreshFamily:
    rotated_at: datetime
    generation: int = 1
    grace_uses: int = 0

    def accept(self, presented: int, at: datetime) -> bool:
        """Rotates, or lets a race pass. After True a token of the now newest generation is to be issued; False is a reuse."""
        if presented == self.generation:
            self.generation, self.rotated_at, self.grace_uses = self.generation + 1, at, 0
            return True
        raced = presented == self.generation - 1 and self.grace_uses < GRACE_USES and at - self.rotated_at <= GRACE
        if raced:
            self.grace_uses += 1
        return raced


@dataclass(slots=True)
class Session:
    id: UUID
    user_id: UUID
    device: Device
    started_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    family: RefreshFamily
    ended_at: datetime | None = None
    end_reason: EndReason | None = None

    @classmethod
    def start(cls, user_id: UUID, device: Device, at: datetime) -> "Session":
        return cls(new_id(), user_id, device, at, at, at + IDLE, RefreshFamily(rotated_at=at))

    @property
    def generation(self) -> int:
        return self.family.generation

    def require_alive(self, at: datetime) -> None:
        """Raises SessionOver."""
        if self.ended_at is not None or at >= self.expires_at:
            raise SessionOver

    def refresh(self, presented: int, device: Device, at: datetime) -> bool:
        """Takes a refresh token of that generation. False: it was used before, and the session is over now. Raises SessionOver."""
        self.require_alive(at)
        if not self.family.accept(presented, at):
            self.end(EndReason.REFRESH_TOKEN_REUSED, at)
            return False
        self.device, self.last_seen_at = device, at
        self.expires_at = min(at + IDLE, self.started_at + LONGEST)
        return True

    def end(self, reason: EndReason, at: datetime) -> bool:
        """False if it was over already."""
        if self.ended_at is not None:
            return False
        self.ended_at, self.end_reason = at, reason
        return True
