"""Events of the auth context about ways to sign in: devices, identities at providers, passkeys."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event


class DeviceAuthorizationDecided(Event, type="device-authorization.decided"):
    """A user decided whether a device may sign in to the account.

    `address`, `user_agent`: of the device that asked. `is_approved`: the device may start a session now.
    """

    authorization_id: UUID
    user_id: UUID
    is_approved: bool
    address: str
    user_agent: str
    at: datetime


class IdentityLinked(Event, type="identity.linked"):
    """An identity at a provider signs in to an account from now on."""

    identity_id: UUID
    user_id: UUID
    provider: str
    at: datetime


class IdentityUnlinked(Event, type="identity.unlinked"):
    """An identity at a provider no longer signs in to an account."""

    identity_id: UUID
    user_id: UUID
    provider: str
    at: datetime


class PasskeyRegistered(Event, type="passkey.registered"):
    """A passkey signs in to an account from now on."""

    passkey_id: UUID
    user_id: UUID
    name: str
    at: datetime


class PasskeyRenamed(Event, type="passkey.renamed"):
    """A user renamed a passkey."""

    passkey_id: UUID
    user_id: UUID
    name: str
    at: datetime


class PasskeyDeleted(Event, type="passkey.deleted"):
    """A passkey no longer signs in to an account."""

    passkey_id: UUID
    user_id: UUID
    name: str
    at: datetime
