"""In-memory passkeys of the auth context and their challenges."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from functions.auth.domain.passkey import Passkey, PasskeyChallenge
from functions.auth.domain.sign_in_rejections import (
    PasskeyTaken,
)


@dataclass
class MemoryPasskeys:
    rows: dict[UUID, Passkey] = field(default_factory=dict)

    async def add(self, passkey: Passkey) -> None:
        if await self.lock_by_credential(passkey.credential_id) is not None:
            raise PasskeyTaken
        await self.save(passkey)

    async def lock_by_credential(self, credential_id: bytes) -> Passkey | None:
        return next((deepcopy(each) for each in self.rows.values() if each.credential_id == credential_id), None)

    async def list_for_user(self, user_id: UUID) -> Sequence[Passkey]:
        return deepcopy([each for _, each in sorted(self.rows.items()) if each.user_id == user_id])

    async def lock_for_user(self, user_id: UUID) -> Sequence[Passkey]:
        return await self.list_for_user(user_id)

    async def save(self, passkey: Passkey) -> None:
        self.rows[passkey.id] = deepcopy(passkey)

    async def delete(self, passkey_id: UUID) -> None:
        self.rows.pop(passkey_id, None)


@dataclass
class MemoryPasskeyChallenges:
    rows: dict[UUID, PasskeyChallenge] = field(default_factory=dict)

    async def add(self, challenge: PasskeyChallenge) -> None:
        self.rows[challenge.id] = challenge

    async def take(self, challenge_id: UUID) -> PasskeyChallenge | None:
        return self.rows.pop(challenge_id, None)

    async def prune(self, now: datetime) -> int:
        before = len(self.rows)
        self.rows = {key: each for key, each in self.rows.items() if each.expires_at >= now}
        return before - len(self.rows)
