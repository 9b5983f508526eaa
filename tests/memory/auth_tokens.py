"""In-memory API tokens, second factors and challenges of the auth context."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from functions.auth.domain.api_token import MAX_TOKENS, ApiToken
from functions.auth.domain.rejections import (
    TokenNameTaken,
    TooManyTokens,
)
from functions.auth.domain.second_factor import SecondFactor
from functions.auth.domain.session import FirstStep, Method
from functions.auth.domain.tokens import CHALLENGE_LIFETIME, RETENTION, OpaqueToken
from functions.kernel import Events, new_id
from tests.memory.runtime import MemoryRevokedSessions


@dataclass
class MemoryApiTokens:
    revoked: MemoryRevokedSessions = field(default_factory=MemoryRevokedSessions)
    rows: dict[UUID, ApiToken] = field(default_factory=dict)

    async def add(self, token: ApiToken) -> None:
        own = await self.list_for_user(token.user_id)
        if len(own) >= MAX_TOKENS:
            raise TooManyTokens
        if token.name in {each.name for each in own}:
            raise TokenNameTaken
        self.rows[token.id] = deepcopy(token)

    async def lock(self, token_id: UUID) -> ApiToken | None:
        return deepcopy(self.rows.get(token_id))

    async def lock_by_hash(self, token: OpaqueToken) -> ApiToken | None:
        return next((deepcopy(each) for each in self.rows.values() if each.token_hash == token.hash), None)

    async def save(self, token: ApiToken) -> None:
        self.rows[token.id] = deepcopy(token)
        if token.revoked_at is not None:
            await self.revoked.add(token.id, token.revoked_at)

    async def list_for_user(self, user_id: UUID) -> Sequence[ApiToken]:
        return deepcopy([each for _, each in sorted(self.rows.items(), reverse=True) if each.user_id == user_id and each.revoked_at is None])

    async def refuse_all(self, user_id: UUID, now: datetime) -> Events:
        tokens = await self.list_for_user(user_id)
        for each in tokens:
            await self.revoked.add(each.id, now)
        return tuple(event for each in tokens for event in each.refuse(now))

    async def replace_ids(self, service_account_id: UUID) -> Mapping[UUID, UUID]:
        ids = {}
        for token in await self.list_for_user(service_account_id):
            del self.rows[token.id]
            ids[token.id] = new_id()
            token.id = ids[token.id]
            self.rows[token.id] = token
        return ids

    async def prune(self, now: datetime) -> int:
        old = [each.id for each in self.rows.values() if min(each.expires_at, each.revoked_at or each.expires_at) < now - RETENTION]
        for token_id in old:
            del self.rows[token_id]
        return len(old)


@dataclass
class MemorySecondFactors:
    rows: dict[UUID, SecondFactor] = field(default_factory=dict)

    async def get(self, user_id: UUID) -> SecondFactor | None:
        return deepcopy(self.rows.get(user_id))

    async def lock(self, user_id: UUID) -> SecondFactor | None:
        return await self.get(user_id)

    async def save(self, factor: SecondFactor) -> None:
        self.rows[factor.user_id] = deepcopy(factor)

    async def delete(self, user_id: UUID) -> None:
        self.rows.pop(user_id, None)


class PlainLoginChallenges:
    def issue(self, first_step: FirstStep, now: datetime) -> OpaqueToken:
        return OpaqueToken(f"{first_step.user_id}|{first_step.method}|{(now + CHALLENGE_LIFETIME).isoformat()}")

    def verify(self, challenge: OpaqueToken, now: datetime) -> FirstStep | None:
        user_id, method, expires_at = (*challenge.text.split("|"), "", "")[:3]
        return FirstStep(UUID(user_id), Method(method)) if expires_at and now < datetime.fromisoformat(expires_at) else None
