"""Passkeys, their challenges, and the checks of WebAuthn."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from functions.auth.domain.passkey import Passkey, PasskeyChallenge, RegisteredKey
from functions.auth.domain.user import User


class Passkeys(Protocol):
    async def add(self, passkey: Passkey) -> None:
        """Insert the passkey. Raises PasskeyTaken if its credential is registered; the transaction stays usable."""
        ...

    async def lock_by_credential(self, credential_id: bytes) -> Passkey | None:
        """Read the passkey and lock its row until the transaction ends, so that its counter is compared once."""
        ...

    async def list_for_user(self, user_id: UUID) -> Sequence[Passkey]:
        """Oldest first."""
        ...

    async def lock_for_user(self, user_id: UUID) -> Sequence[Passkey]:
        """The same, and lock the user until the transaction ends."""
        ...

    async def save(self, passkey: Passkey) -> None:
        """Store name, counter and last use."""
        ...

    async def delete(self, passkey_id: UUID) -> None: ...


class PasskeyChallenges(Protocol):
    async def add(self, challenge: PasskeyChallenge) -> None: ...

    async def take(self, challenge_id: UUID) -> PasskeyChallenge | None:
        """Return the challenge and delete it."""
        ...

    async def prune(self, now: datetime) -> int:
        """Delete challenges that have expired. Returns their number."""
        ...


class PasskeyCeremonies(Protocol):
    """Options for the browser, and checks of its responses, both in the JSON of WebAuthn Level 3, section 5.1."""

    def registration_options(self, user: User, existing: Sequence[Passkey], challenge: PasskeyChallenge) -> dict[str, Any]: ...

    def verify_registration(self, response: str, challenge: PasskeyChallenge) -> RegisteredKey | None:
        """None if the response is not valid."""
        ...

    def login_options(self, allowed: Sequence[Passkey], challenge: PasskeyChallenge) -> dict[str, Any]:
        """`allowed`: empty for a sign-in in which the passkey names its user."""
        ...

    def read_login(self, response: str) -> tuple[bytes, UUID | None] | None:
        """The credential id, and the user that the response names. None if it cannot be read."""
        ...

    def verify_login(self, response: str, challenge: PasskeyChallenge, passkey: Passkey, *, needs_user_verification: bool) -> int | None:
        """The new counter; None if the response is not valid."""
        ...
