"""Failed logins of one address: a few are free, then each further one locks it for twice as long.

They are counted for addresses without an account too, so that a lock tells nothing. Addresses are kept as hashes: what strangers type is not
ours to collect.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.auth.domain.email import Email

FREE_FAILURES = 5
FIRST_LOCK = timedelta(seconds=30)
LONGEST_LOCK = timedelta(hours=1)
FORGOTTEN_AFTER = timedelta(hours=24)


@dataclass(slots=True)
class FailedLogins:
    address_hash: bytes
    count: int = 0
    last_at: datetime | None = None
    locked_until: datetime | None = None

    @staticmethod
    def key(email: Email) -> bytes:
        return hashlib.sha256(email.address.encode()).digest()

    def locked_for(self, at: datetime) -> timedelta | None:
        """How long still, or None."""
        if self.locked_until is None or at >= self.locked_until:
            return None
        return self.locked_until - at

    def add(self, at: datetime) -> None:
        if self.last_at is not None and at - self.last_at >= FORGOTTEN_AFTER:
            self.count = 0
        self.count += 1
        self.last_at = at
        beyond = self.count - FREE_FAILURES
        if beyond >= 0:
            self.locked_until = at + min(FIRST_LOCK * 2 ** min(beyond, 20), LONGEST_LOCK)

    def clear(self) -> None:
        self.count, self.last_at, self.locked_until = 0, None, None
