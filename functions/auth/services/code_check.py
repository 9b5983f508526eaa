"""Check a code of the second factor, count failures and lock the address: at the second step of a sign-in, and to confirm an identity.

A wrong code counts as a failed login of the address, and only a right one clears the failures. A right password alone does not: an
attacker who knows it could clear them between guesses.
"""

from dataclasses import dataclass
from datetime import datetime

from functions.auth.domain.email import Email
from functions.auth.domain.user import User
from functions.auth.ports import LoginFailures, SecondFactors, Vault
from functions.auth.services.password_check import PasswordCheck
from functions.kernel import Caller, Events, RecentLoginRequired


@dataclass(frozen=True, slots=True)
class CodeCheck:
    """Failures are counted in the open transaction: a use case returns `Rejected` to keep them."""

    factors: SecondFactors
    failures: LoginFailures
    check: PasswordCheck
    vault: Vault

    async def is_required(self, user: User) -> bool:
        """Whether the account has a second factor."""
        factor = await self.factors.get(user.id)
        return factor is not None and factor.is_enabled

    async def require_recent_login(self, user: User, caller: Caller, now: datetime) -> None:
        """Of an account with a second factor, so that a stolen session and the password do not suffice. Raises RecentLoginRequired."""
        if not caller.has_recent_login(now) and await self.is_required(user):
            raise RecentLoginRequired

    async def confirms(self, user: User, code: str, now: datetime) -> Events | None:
        """Use up a code. Returns the events; None if the code is wrong or was used, or the second factor is off. Raises AccountLocked."""
        failed_logins = await self.check.lock(Email(user.email), now)
        factor = await self.factors.lock(user.id)
        events = factor.accept(self.vault.open(factor.sealed_secret), code, now) if factor is not None and factor.is_enabled else None
        if factor is None or events is None:
            failed_logins.add(now)
        else:
            failed_logins.clear()
            await self.factors.save(factor)
        await self.failures.save(failed_logins)
        return events
