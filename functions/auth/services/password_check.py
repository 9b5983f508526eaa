"""Check a password, count failures and lock the address: at sign-in, and before a sensitive change of an account."""

import math
from dataclasses import dataclass
from datetime import datetime

from functions.auth.domain.email import Email
from functions.auth.domain.lockout import FailedLogins
from functions.auth.domain.rejections import (
    AccountLocked,
)
from functions.auth.domain.user import User
from functions.auth.ports import Hasher, LoginFailures


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """Failures are counted in the open transaction: a use case returns `Rejected` to keep them."""

    failures: LoginFailures
    hasher: Hasher

    async def lock(self, email: Email, now: datetime) -> FailedLogins:
        """Lock the failures of an address until the transaction ends. Raises AccountLocked."""
        failed_logins = await self.failures.lock(email)
        if remaining := failed_logins.remaining_lock(now):
            raise AccountLocked(retry_after=math.ceil(remaining.total_seconds()))
        return failed_logins

    async def matches(self, user: User | None, text: str, failed_logins: FailedLogins, now: datetime) -> bool:
        """Whether `text` is the user's password. False without a user, after the same work. `clear` ends a successful sign-in."""
        matches = await self.hasher.matches(user.password_hash if user else None, text)
        if not matches:
            failed_logins.add(now)
            await self.failures.save(failed_logins)
        return matches

    async def clear(self, failed_logins: FailedLogins) -> None:
        failed_logins.clear()
        await self.failures.save(failed_logins)

    async def confirms(self, user: User, text: str, now: datetime) -> bool:
        """Whether `text` is the password of a user who is signed in. A stolen session does not allow guessing. Raises AccountLocked."""
        failed_logins = await self.lock(Email(user.email), now)
        matches = await self.matches(user, text, failed_logins, now)
        if matches:
            await self.clear(failed_logins)
        return matches
