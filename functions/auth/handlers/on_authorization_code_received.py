"""Exchange an authorization code for claims about a user.

A code works once. If the answer to its exchange is lost, the retry is refused and the sign-in has failed: its user begins again.
It has also failed if the provider cannot be reached in any attempt.
"""

from functions.auth.domain.provider_login import AuthorizationCodeReceived, ReceivedCode, Status
from functions.auth.ports import ProviderClient, ProviderLogins, Vault
from functions.auth.services.provider_logins import ProviderLoginStart
from functions.kernel import Clock, Permanent, Retry, Transient, Work, effect


@effect(retry=Retry(attempts=4, first_delay_seconds=1))
async def on_authorization_code_received(
    event: AuthorizationCodeReceived,
    logins: ProviderLogins,
    start: ProviderLoginStart,
    client: ProviderClient,
    vault: Vault,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        login = await logins.get(event.login_id)
    provider = start.providers.get(login.provider) if login else None
    if login is None or provider is None or login.status is not Status.RECEIVED or login.sealed_code is None or clock.now() >= login.expires_at:
        return
    received, claims, failure = ReceivedCode.model_validate_json(vault.open(login.sealed_code)), None, ""
    try:
        claims = await client.identify(provider, received, start.redirect_uri(provider))
    except Permanent as error:
        failure = str(error)
    except Transient:
        if not work.is_last_attempt:
            raise
        failure = "The provider could not be reached. Begin again later."
    async with work.recording():
        login = await logins.lock(event.login_id)
        if login is None or login.status is not Status.RECEIVED:
            return
        if claims is None:
            login.fail(failure)
        else:
            login.identify(claims)
        await logins.save(login)
