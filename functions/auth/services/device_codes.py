"""Look up the sign-in of a device by the code that a user types, count wrong codes and lock the address (RFC 8628, 5.1)."""

from dataclasses import dataclass
from datetime import datetime

from functions.auth.domain.device_authorization import DeviceAuthorization, parse_user_code
from functions.auth.domain.email import Email
from functions.auth.domain.user import User
from functions.auth.ports import DeviceAuthorizations, LoginFailures
from functions.auth.services.password_check import PasswordCheck


@dataclass(frozen=True, slots=True)
class DeviceCodes:
    """Wrong codes are counted in the open transaction: a use case returns `Rejected` to keep them. A right code clears no failures: anybody
    can begin a sign-in of their own to get one."""

    authorizations: DeviceAuthorizations
    failures: LoginFailures
    check: PasswordCheck

    async def find(self, user: User, text: str, now: datetime) -> DeviceAuthorization | None:
        """Return the sign-in and lock its row; None for a wrong code. Raises AccountLocked."""
        failed_logins = await self.check.lock(Email(user.email), now)
        authorization = await self.authorizations.lock_by_user_code(parse_user_code(text))
        if authorization is None:
            failed_logins.add(now)
            await self.failures.save(failed_logins)
        return authorization
