"""Every rejection of the auth context. None reveals whether an address has an account."""

from functions.kernel import Conflict, Forbidden, Gone, Invalid, NotFound, TooManyRequests, Unauthenticated


class InvalidEmail(Invalid):
    """The value is not an e-mail address."""


class WeakPassword(Invalid):
    """The password is too easy to guess, too short or too long."""


class PasswordRequired(Invalid):
    """The password is missing. Send it with the token of the link: it becomes the account's password."""


class WrongCredentials(Unauthenticated):
    """The e-mail address or the password is wrong. Correct them and try again."""


class WrongPassword(Forbidden):
    """The current password is wrong. Correct it and try again."""


class AccountLocked(TooManyRequests):
    """Too many failed logins for this address. Try again when the lock ends (see Retry-After)."""


class EmailNotVerified(Forbidden):
    """The e-mail address is not verified. Follow the link in the verification e-mail, or request another one."""


class UnknownVerificationToken(NotFound):
    """The verification token is unknown. Copy the complete link, or request another e-mail."""


class UsedVerificationToken(Gone):
    """The verification link has been used. Sign in."""


class ExpiredVerificationToken(Gone):
    """The verification link has expired. Request another e-mail."""


class EmailUnchanged(Conflict):
    """This is the address of the account already. Name another one."""


class EmailUnavailable(Conflict):
    """The address has another account. Delete that account first, or request a change to another address."""


class NoEmailChange(NotFound):
    """There is no pending change of the e-mail address. Request one first."""


class LastAdministrator(Conflict):
    """This is the only account with the role admin. Make another account administrator first."""


class UnknownLink(NotFound):
    """The token of the link is unknown. Copy the complete link, or request another e-mail."""


class UsedLink(Gone):
    """The link has been used, or a newer one replaces it. Use the newest e-mail, or request another one."""


class ExpiredLink(Gone):
    """The link has expired. Request another e-mail."""


class InvalidRefreshToken(Unauthenticated):
    """The refresh token is unknown. Sign in again."""


class RefreshTokenReused(Unauthenticated):
    """The refresh token was used before, so its session has been ended. Sign in again."""


class SessionExpired(Unauthenticated):
    """The session has ended or expired. Sign in again."""


class UnknownUser(NotFound):
    """The user of this access token no longer exists. Register or sign in with another account."""


class RegistrationComplete(Conflict):
    """The registration is complete. There is nothing to resume."""


class UnknownRegistration(NotFound):
    """There is no registration for this user."""
