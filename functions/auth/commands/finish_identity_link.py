"""Link an identity at a provider to your account.

The session proves the account, the provider proves the identity. 409 `provider-login-pending` until the provider has answered: repeat the
request after a second.
"""

from pydantic import Field

from events.sign_in import IdentityLinked
from functions.auth.domain.identity import MAX_IDENTITIES, Identity
from functions.auth.domain.sign_in_rejections import (
    IdentityTaken,
    ProviderLoginFailed,
    ProviderLoginPending,
    UnknownProviderLogin,
)
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.views import IdentityView
from functions.auth.ports import Identities, ProviderLogins
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Done, Model, Rejected, Scale, SecretText, command


class FinishIdentityLink(Model):
    token: SecretText = Field(description="Of the browser that began to link.")


@command(
    http="POST /v1/users/me/identities",
    allow=OWN_ACCOUNT,
    status=201,
    rejects=[UnknownProviderLogin, ProviderLoginPending, ProviderLoginFailed, IdentityTaken],
    emits=[IdentityLinked],
    is_session_only=True,
    scale=Scale(max=1),
)
async def finish_identity_link(
    request: FinishIdentityLink, logins: ProviderLogins, identities: Identities, caller: Caller, clock: Clock
) -> Done[IdentityView] | Rejected:
    now = clock.now()
    login = await logins.lock_by_token(OpaqueToken(request.token.get_secret_value()))
    if login is None:
        raise UnknownProviderLogin
    claims = login.finish(caller.user_id, now)
    await logins.save(login)
    if len(await identities.lock_for_user(caller.user_id)) >= MAX_IDENTITIES:
        return Rejected(IdentityTaken(f"The account has {MAX_IDENTITIES} identities, the most it may have. Unlink one first."))
    identity, events = Identity.link(caller.user_id, login.provider, claims, now)
    try:
        await identities.add(identity)
    except IdentityTaken as refusal:
        return Rejected(refusal)
    return Done(IdentityView.of(identity), *events)
