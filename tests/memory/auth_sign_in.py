"""In-memory sign-ins of devices and with providers of the auth context."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from functions.auth.domain.device_authorization import DeviceAuthorization
from functions.auth.domain.identity import Identity
from functions.auth.domain.provider_login import ProviderLogin
from functions.auth.domain.sign_in_rejections import (
    IdentityTaken,
)
from functions.auth.domain.tokens import OpaqueToken
from functions.kernel import Transient


@dataclass
class MemoryDeviceAuthorizations:
    rows: dict[UUID, DeviceAuthorization] = field(default_factory=dict)

    async def add(self, authorization: DeviceAuthorization) -> None:
        if any(each.user_code == authorization.user_code for each in self.rows.values()):
            raise Transient("another sign-in of a device has the same user code")
        await self.save(authorization)

    async def lock_by_device_code(self, device_code: OpaqueToken) -> DeviceAuthorization | None:
        return next((deepcopy(each) for each in self.rows.values() if each.device_code_hash == device_code.hash), None)

    async def lock_by_user_code(self, user_code: str) -> DeviceAuthorization | None:
        return next((deepcopy(each) for each in self.rows.values() if each.user_code == user_code), None)

    async def save(self, authorization: DeviceAuthorization) -> None:
        self.rows[authorization.id] = deepcopy(authorization)

    async def prune(self, now: datetime) -> int:
        before = len(self.rows)
        self.rows = {key: each for key, each in self.rows.items() if each.expires_at >= now}
        return before - len(self.rows)


@dataclass
class MemoryIdentities:
    rows: dict[UUID, Identity] = field(default_factory=dict)

    async def add(self, identity: Identity) -> None:
        if await self.lock_by_subject(identity.issuer, identity.subject) is not None:
            raise IdentityTaken
        await self.save(identity)

    async def lock_by_subject(self, issuer: str, subject: str) -> Identity | None:
        return next((deepcopy(each) for each in self.rows.values() if (each.issuer, each.subject) == (issuer, subject)), None)

    async def list_for_user(self, user_id: UUID) -> Sequence[Identity]:
        return deepcopy([each for _, each in sorted(self.rows.items()) if each.user_id == user_id])

    async def lock_for_user(self, user_id: UUID) -> Sequence[Identity]:
        return await self.list_for_user(user_id)

    async def save(self, identity: Identity) -> None:
        self.rows[identity.id] = deepcopy(identity)

    async def delete(self, identity_id: UUID) -> None:
        self.rows.pop(identity_id, None)


@dataclass
class MemoryProviderLogins:
    rows: dict[UUID, ProviderLogin] = field(default_factory=dict)

    async def add(self, login: ProviderLogin) -> None:
        await self.save(login)

    async def get(self, login_id: UUID) -> ProviderLogin | None:
        return deepcopy(self.rows.get(login_id))

    async def lock(self, login_id: UUID) -> ProviderLogin | None:
        return await self.get(login_id)

    async def lock_by_token(self, token: OpaqueToken) -> ProviderLogin | None:
        return next((deepcopy(each) for each in self.rows.values() if each.token_hash == token.hash), None)

    async def save(self, login: ProviderLogin) -> None:
        self.rows[login.id] = deepcopy(login)

    async def prune(self, now: datetime) -> int:
        before = len(self.rows)
        self.rows = {key: each for key, each in self.rows.items() if each.expires_at >= now}
        return before - len(self.rows)
