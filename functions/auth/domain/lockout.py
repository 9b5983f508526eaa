"""Failed logins of one address: the first few have no effect, each further one locks the address for twice as long.

Failures are counted for addresses without an account too, so a lock does not reveal an account. Addresses are stored as
hashes because most of what strangers type is personal data of others.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.auth.domain.email import Email

FAILURES_BEFORE_LOCK = 5
FIRST_LOCK = timedelta(seconds=30)
MAX_LOCK = timedelta(hours=1)
FAILURE_RETENTION = timedelta(hours=24)


@dataclass(slots=True)
class FailedLogins:
    address_hash: bytes
    count: int = 0
    last_at: datetime | None = None
    locked_until: datetime | None = None

    @staticmethod
    def hash_address(email: Email) -> bytes:
        return hashlib.sha256(email.address.encode()).digest()

    def remaining_lock(self, now: datetime) -> timedelta | None:
        """How long the address stays locked; None if it is not."""
        if self.locked_until is None or now >= self.locked_until:
            return None
        return self.locked_until - now

    def add(self, now: datetime) -> None:
        if self.last_at is not None and now - self.last_at >= FAILURE_RETENTION:
            self.count = 0
        self.count += 1
        self.last_at = now
        excess = self.count - FAILURES_BEFORE_LOCK
        if excess >= 0:
            self.locked_until = now + min(FIRST_LOCK * 2 ** min(excess, 20), MAX_LOCK)

    def clear(self) -> None:
        self.count, self.last_at, self.locked_until = 0, None, None
