"""In-memory sign-ins of devices of the auth context."""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from functions.auth.domain.device_authorization import DeviceAuthorization
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
