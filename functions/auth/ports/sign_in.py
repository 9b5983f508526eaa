"""Ways to sign in other than a password in this program: a code that is confirmed in a browser."""

from datetime import datetime
from typing import Protocol

from functions.auth.domain.device_authorization import DeviceAuthorization
from functions.auth.domain.tokens import OpaqueToken


class DashboardPages(Protocol):
    def url(self, path: str) -> str:
        """The public address of a page of the dashboard. `path` begins with a slash."""
        ...


class DeviceAuthorizations(Protocol):
    async def add(self, authorization: DeviceAuthorization) -> None:
        """Insert the authorization. Raises Transient if another one has its user code."""
        ...

    async def lock_by_device_code(self, device_code: OpaqueToken) -> DeviceAuthorization | None:
        """Read the authorization by the hash of its device code and lock its row until the transaction ends."""
        ...

    async def lock_by_user_code(self, user_code: str) -> DeviceAuthorization | None:
        """The same by its user code."""
        ...

    async def save(self, authorization: DeviceAuthorization) -> None:
        """Store polls, the decision and the sign-in."""
        ...

    async def prune(self, now: datetime) -> int:
        """Delete authorizations that have expired. Returns their number."""
        ...
