"""Every "no" that the auth context gives, and what is told with it. Nothing here lets a stranger learn whether an address has an account."""

from functions.kernel import Conflict, Forbidden, Gone, Invalid, NotFound, TooManyRequests, Unauthenticated


class InvalidEmail(Invalid):
    """This is not an e-mail address."""


class WeakPassword(Invalid):
    """The password is too easy to guess, too short or too long."""


class WrongCredentials(Unauthenticated):
    """The e-mail address or the password is wrong."""


class AccountLocked(TooManyRequests):
    """Too many failed logins for this address; wait before the next."""


class EmailNotVerified(Forbidden):
    """The e-mail address is not verified yet: follow the link in the mail, or ask for another one."""


class UnknownVerificationToken(NotFound):
    """This verification link is unknown; copy it whole, or ask for another mail."""


class UsedVerificationToken(Gone):
    """This verification link has been used."""


class ExpiredVerificationToken(Gone):
    """This verification link has expired; ask for another mail."""


class InvalidRefreshToken(Unauthenticated):
    """The refresh token is unknown; sign in again."""


class RefreshTokenReused(Unauthenticated):
    """The refresh token had been used before, so its session was ended; sign in again."""


class SessionOver(Unauthenticated):
    """The session has ended or expired; sign in again."""


class UnknownUser(NotFound):
    """There is no such user any more."""


class RegistrationOver(Conflict):
    """This registration is complete."""


class UnknownRegistration(NotFound):
    """There is no such registration."""
