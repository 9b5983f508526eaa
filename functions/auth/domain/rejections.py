"""Every rejection of the auth context. None reveals whether an address has an account."""

from typing import ClassVar

from functions.kernel import Conflict, Forbidden, Gone, Invalid, NotFound, Rejection, TooManyRequests, Unauthenticated, Unavailable


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
    """The API token is unknown, expired or revoked. Create another one: `capsule tokens create`."""


class InvalidTokenScopes(Invalid):
    """The API token cannot have these scopes. Choose scopes that your account may use."""


class TokenNameTaken(Conflict):
    """Another API token of the account has this name. Choose another name, or revoke that token first."""


class TooManyTokens(Conflict):
    """The account has as many API tokens as it may have. Revoke one that is not used: `capsule tokens list`."""


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


class TeamNotFound(NotFound):
    """This team does not exist, or you are not a member of it."""


class TooManyTeams(Conflict):
    """You are a member of as many teams as a user may be. Leave or delete one first."""


class TeamNotEmpty(Conflict):
    """The team has applications. Delete them first."""


class PersonalTeam(Conflict):
    """A personal team has one member and lives with its account. Create a team to work with others: `capsule teams create`."""


class MemberNotFound(NotFound):
    """The team has no member with this user id. `GET /v1/teams/{teamId}/members` lists its members."""


class LastOwner(Conflict):
    """The team has no other owner. Make another member an owner first: `capsule teams transfer`."""


class InactiveMember(Conflict):
    """The account of this member is suspended or being deleted. Choose another member."""


class AlreadyMember(Conflict):
    """This user is a member of the team already."""


class InvitationNotFound(NotFound):
    """The team has no open invitation with this id. `GET /v1/teams/{teamId}/invitations` lists them."""


class AlreadyInvited(Conflict):
    """This address has an open invitation to the team. Revoke it to send another one."""


class InvitationForOther(Forbidden):
    """The invitation was sent to another address than that of your account. Sign in with the account of that address."""


class TeamFull(Conflict):
    """The team has as many members and open invitations as it may have. Remove one first."""


class TooManyInvitations(TooManyRequests):
    """You have sent many invitations in the last hour. Wait before the next one."""


class UnknownApplication(Invalid):
    """The team has no application with this id. A new application is known here after a second."""


class OwnsTeams(Conflict):
    """You are the only owner of a team with other members or applications. Transfer or delete it first: `capsule teams transfer`."""


class DevicePollRejection(Rejection):
    """The device cannot sign in with this code. `error` has the error code of RFC 8628."""

    status = 400  # RFC 6749, 5.2
    error: ClassVar[str] = ""

    def __init__(self, detail: str = "", *, retry_after: int | None = None) -> None:
        super().__init__(detail, retry_after=retry_after, secret_members={"error": self.error})


class AuthorizationPending(DevicePollRejection):
    """The user has not decided yet. Poll again after the interval."""

    error = "authorization_pending"


class SlowDown(DevicePollRejection):
    """The device polls too often. Add 5 seconds to the interval."""

    error = "slow_down"


class AccessDenied(DevicePollRejection):
    """The user has denied the sign-in. Begin again if this was a mistake."""

    error = "access_denied"


class ExpiredToken(DevicePollRejection):
    """The code has expired or was used. Begin again."""

    error = "expired_token"


class InvalidGrant(DevicePollRejection):
    """The device code is unknown. Begin again."""

    error = "invalid_grant"


class UnknownUserCode(NotFound):
    """There is no sign-in with this code. Compare it with the code on the device."""


class DecidedUserCode(Conflict):
    """This code has been confirmed or denied already. Begin again on the device."""


class UnknownProvider(NotFound):
    """This installation has no such provider. `GET /v1/identity-providers` lists them."""


class ProviderUnavailable(Unavailable):
    """The provider does not answer. Try again in a minute, or sign in another way."""


class UnknownProviderLogin(NotFound):
    """This sign-in with a provider is unknown, has expired or was used. Begin again."""


class InvalidAuthorizationResponse(Forbidden):
    """The response of the provider does not belong to this sign-in. Begin again in this browser."""


class ProviderLoginPending(Conflict):
    """The provider has not answered yet. Repeat the request after a second."""


class ProviderLoginFailed(Forbidden):
    """The sign-in with the provider failed. Begin again, or sign in another way."""


class ProviderEmailUnverified(Forbidden):
    """The provider has not verified your e-mail address. Verify it there, or sign up with e-mail address and password and link the provider then."""


class IdentityNotLinked(Forbidden):
    """Your address has an account that this identity is not linked to. Sign in another way, then link it on the page of your account.

    An address alone never links an identity: whoever has it at a provider need not be the user of the account.
    """


class IdentityTaken(Conflict):
    """This identity is linked to an account already. Unlink it there first."""


class IdentityNotFound(NotFound):
    """The account has no identity with this id. `GET /v1/users/me/identities` lists them."""


class LastSignInMethod(Conflict):
    """This is the only way to sign in to the account. Set a password first: `capsule password reset`."""


class UnknownPasskeyChallenge(Gone):
    """The challenge is unknown, was used or has expired. Begin again."""


class InvalidPasskey(Invalid):
    """The response of the passkey is not valid. Begin again, or use another way to sign in."""


class PasskeyRefused(Unauthenticated):
    """The passkey is unknown here, or its response is not valid. Sign in another way."""


class PasskeyTaken(Conflict):
    """This passkey is registered already."""


class TooManyPasskeys(Conflict):
    """The account has as many passkeys as it may have. Delete one that is not used."""


class PasskeyNotFound(NotFound):
    """The account has no passkey with this id. `GET /v1/users/me/passkeys` lists them."""
