"""Why a sign-in with a device code, a provider or a passkey is refused."""

from typing import ClassVar

from functions.kernel import Conflict, Forbidden, Gone, Invalid, NotFound, Rejection, Unauthenticated, Unavailable


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
