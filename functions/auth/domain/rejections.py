"""Every rejection of the auth context. None reveals whether an address has an account."""

from typing import Self
from uuid import UUID

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


class AccountSuspended(Forbidden):
    """An administrator has suspended the account. Your applications keep running. Contact the administrators of this installation."""


class SelfSuspended(Conflict):
    """You cannot suspend your own account. Ask another administrator."""


class UserNotFound(NotFound):
    """There is no user with this id. `GET /v1/admin/users` lists the users."""


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


class SessionNotFound(NotFound):
    """The account has no session with this id. `GET /v1/sessions` lists its sessions."""


class InvalidApiToken(Unauthenticated):
    """The API token is unknown, expired or revoked. Create another one: `capsule tokens create` or
    `capsule service-accounts create-token`."""


class InvalidTokenScopes(Invalid):
    """The API token cannot have these scopes. Choose scopes that your account may use."""


class TokenNameTaken(Conflict):
    """Another API token of the account has this name. Choose another name, or revoke that token first."""


class TooManyTokens(Conflict):
    """The account has as many API tokens as it may have. Revoke one that is not used: `capsule tokens list` or
    `capsule service-accounts tokens`."""


class TokenNotFound(NotFound):
    """The account has no API token with this id. `GET /v1/tokens` lists its tokens."""


class SecondFactorRequired(Forbidden):
    """The account has a second factor. Send a code with the `challenge` of this answer to `POST /v1/sessions/second-factor`.

    The password is right. The challenge is valid for five minutes.
    """


class InvalidChallenge(Unauthenticated):
    """The challenge of this sign-in is unknown or has expired. Sign in again."""


class WrongCode(Invalid):
    """The code is wrong or was used before. Enter the next code of your application, or a recovery code."""


class FactorRequired(Invalid):
    """The password or the code is missing. Send `code` if the account has a second factor, and `password` if it has none."""


class SecondFactorAlreadyEnabled(Conflict):
    """The second factor is on. Turn it off first to use another application."""


class SecondFactorNotEnabled(Conflict):
    """The second factor is off. Turn it on: `capsule account 2fa on`."""


class UnknownUser(NotFound):
    """The user of this access token no longer exists. Register or sign in with another account."""


class RegistrationComplete(Conflict):
    """The registration is complete. There is nothing to resume."""


class UnknownRegistration(NotFound):
    """There is no registration for this user."""


class OperationNotFound(NotFound):
    """There is no operation with this id, or it is not about your account."""

    @classmethod
    def of(cls, operation_id: UUID) -> Self:
        return cls(
            f"There is no operation {operation_id} of your account. It may have ended: a restored account has no deletion, and a change of"
            " the e-mail address that was cancelled or replaced is gone."
        )
