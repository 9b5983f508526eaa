"""Ways to sign in other than a password in this program: a code that is confirmed in a browser, and identities at providers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.auth.domain.device_authorization import DeviceAuthorization
from functions.auth.domain.identity import Identity, IdentityProvider, ProviderClaims
from functions.auth.domain.provider_login import ProviderLogin, ReceivedCode
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


class IdentityProviders(Protocol):
    """The providers that the operator has configured."""

    def list(self) -> Sequence[IdentityProvider]: ...

    def get(self, name: str) -> IdentityProvider | None: ...


class ProviderClient(Protocol):
    """Talks to providers. External: not inside a transaction. Raises Transient or Permanent; the text of Permanent is for the user."""

    async def authorization_endpoint(self, provider: IdentityProvider) -> str:
        """Where browsers are sent to sign in."""
        ...

    async def identify(self, provider: IdentityProvider, received: ReceivedCode, redirect_uri: str) -> ProviderClaims:
        """Exchange an authorization code and return what the provider proves about the user."""
        ...


class ProviderLogins(Protocol):
    async def add(self, login: ProviderLogin) -> None: ...

    async def get(self, login_id: UUID) -> ProviderLogin | None: ...

    async def lock(self, login_id: UUID) -> ProviderLogin | None:
        """Read the sign-in and lock its row until the transaction ends."""
        ...

    async def lock_by_token(self, token: OpaqueToken) -> ProviderLogin | None:
        """The same by the hash of the browser's token."""
        ...

    async def save(self, login: ProviderLogin) -> None:
        """Store status, code, claims and failure."""
        ...

    async def prune(self, now: datetime) -> int:
        """Delete sign-ins that have expired. Returns their number."""
        ...


class Identities(Protocol):
    async def add(self, identity: Identity) -> None:
        """Insert the identity. Raises IdentityTaken if it is linked to an account; the transaction stays usable."""
        ...

    async def lock_by_subject(self, issuer: str, subject: str) -> Identity | None:
        """Read the identity and lock its row until the transaction ends."""
        ...

    async def list_for_user(self, user_id: UUID) -> Sequence[Identity]:
        """Oldest first."""
        ...

    async def lock_for_user(self, user_id: UUID) -> Sequence[Identity]:
        """The same, and lock the user until the transaction ends, so that of two requests one sees the other's removal."""
        ...

    async def save(self, identity: Identity) -> None:
        """Store the last use."""
        ...

    async def delete(self, identity_id: UUID) -> None: ...
