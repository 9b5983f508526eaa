"""The second factor of an account: a secret shared with an authenticator application, and recovery codes for the day it is lost.

A code is accepted once: the step of the last one is stored, and no earlier or equal step counts. A recovery code is used up. The
secret is stored sealed, a recovery code as a hash; it has 80 random bits, so SHA-256 suffices.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from events.auth import RecoveryCodesReplaced, RecoveryCodeUsed, SecondFactorDisabled, SecondFactorEnabled
from functions.auth.domain.one_time_codes import matching_step
from functions.auth.domain.rejections import (
    SecondFactorAlreadyEnabled,
    SecondFactorNotEnabled,
    WrongCode,
)
from functions.kernel import Events

RECOVERY_CODES = 10
RECOVERY_CODE_BYTES = 10
GROUP_LENGTH = 4


def new_recovery_code() -> str:
    """Return 80 random bits as four groups: `abcd-efgh-ijkl-mnop`."""
    text = base64.b32encode(secrets.token_bytes(RECOVERY_CODE_BYTES)).decode().lower()
    return "-".join(text[start : start + GROUP_LENGTH] for start in range(0, len(text), GROUP_LENGTH))


def hash_recovery_code(code: str) -> bytes:
    return hashlib.sha256(normalize(code).encode()).digest()


def normalize(code: str) -> str:
    """A code as people type it: without spaces and dashes, in lower case."""
    return "".join(code.split()).replace("-", "").lower()


@dataclass(slots=True)
class SecondFactor:
    """`enabled_at`: None until a first code has proved that the application has the secret. `last_step`: of the last accepted code."""

    user_id: UUID
    sealed_secret: str = field(repr=False)
    created_at: datetime
    enabled_at: datetime | None = None
    last_step: int = 0
    recovery_hashes: frozenset[bytes] = field(default=frozenset(), repr=False)

    @property
    def is_enabled(self) -> bool:
        return self.enabled_at is not None

    def require_enabled(self) -> None:
        """Raises SecondFactorNotEnabled."""
        if not self.is_enabled:
            raise SecondFactorNotEnabled

    def enable(self, secret: str, code: str, now: datetime) -> tuple[list[str], Events]:
        """Return the recovery codes and the event. Raises WrongCode, SecondFactorAlreadyEnabled."""
        if self.is_enabled:
            raise SecondFactorAlreadyEnabled
        step = matching_step(secret, normalize(code), now, after=self.last_step)
        if step is None:
            raise WrongCode("The code is wrong. Check that the clocks of both devices are right, and enter the next code.")
        self.enabled_at, self.last_step = now, step
        return self._new_recovery_codes(), (SecondFactorEnabled(user_id=self.user_id, at=now),)

    def accept(self, secret: str, code: str, now: datetime) -> Events | None:
        """Use up a code of the application or a recovery code. Returns the events; None if the code is wrong or was used."""
        step = matching_step(secret, normalize(code), now, after=self.last_step)
        if step is not None:
            self.last_step = step
            return ()
        if (digest := hash_recovery_code(code)) not in self.recovery_hashes:
            return None
        self.recovery_hashes -= {digest}
        return (RecoveryCodeUsed(user_id=self.user_id, left=len(self.recovery_hashes), at=now),)

    def replace_recovery_codes(self, now: datetime) -> tuple[list[str], Events]:
        """Raises SecondFactorNotEnabled."""
        self.require_enabled()
        return self._new_recovery_codes(), (RecoveryCodesReplaced(user_id=self.user_id, at=now),)

    def remove(self, now: datetime) -> Events:
        """Turn off a lost second factor, by an administrator. Raises SecondFactorNotEnabled."""
        self.require_enabled()
        return (SecondFactorDisabled(user_id=self.user_id, at=now, by_administrator=True),)

    def disable(self, now: datetime) -> Events:
        """Raises SecondFactorNotEnabled."""
        self.require_enabled()
        return (SecondFactorDisabled(user_id=self.user_id, at=now),)

    def _new_recovery_codes(self) -> list[str]:
        codes = [new_recovery_code() for _ in range(RECOVERY_CODES)]
        self.recovery_hashes = frozenset(map(hash_recovery_code, codes))
        return codes
