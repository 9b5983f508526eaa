"""Certificates of an ACME directory (RFC 8555), through the package `acme` of Certbot. It blocks, so an order runs in a thread.

The ingress answers HTTP-01 challenges without state (`knative/local/serving/domains`): it knows the thumbprint of the account. So there is nothing
to present or to clean up here.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from functions.deploy.adapters.domain_variables import ACME_CA_BUNDLE, ACME_CONTACT, ACME_DIRECTORY
from functions.deploy.adapters.x509_certificates import new_key
from functions.deploy.ports import Account, OrderFailed
from functions.runtime.config.settings import Settings
from functions.runtime.storage.external_call import external_call

if TYPE_CHECKING:
    from acme.client import ClientNetwork, ClientV2

ORDER_TIMEOUT = timedelta(seconds=60)
NONCE_ATTEMPTS = 6
"""Each of them sends a request twice."""
REQUEST_TIMEOUT_SECONDS = 15
RATE_LIMIT_PAUSE = timedelta(hours=1)
MAX_REASON = 500


class AcmeAuthority:
    def __init__(self, settings: Settings) -> None:
        self._directory, self._contact = settings.value(ACME_DIRECTORY), settings.value(ACME_CONTACT)
        self._ca_bundle = settings.value(ACME_CA_BUNDLE)

    @external_call
    async def order(self, host: str, account: Account) -> tuple[str, str]:
        return await asyncio.to_thread(self._order, host, account)

    def _order(self, host: str, account: Account) -> tuple[str, str]:
        from acme.challenges import HTTP01
        from acme.crypto_util import make_csr

        with _translated():
            client = self._client(account)
            key = new_key()
            order = client.new_order(make_csr(key.encode(), [host]))
            for authorization in order.authorizations:
                if authorization.body.status.name == "valid":
                    continue
                challenge = next((each for each in authorization.body.challenges if isinstance(each.chall, HTTP01)), None)
                if challenge is None:
                    raise OrderFailed(f"The certificate authority offers no HTTP-01 challenge for {host}.")
                client.answer_challenge(challenge, challenge.response(client.net.key))
            deadline = datetime.now() + ORDER_TIMEOUT
            finished = client.poll_and_finalize(order, deadline)
            return finished.fullchain_pem, key

    def _client(self, account: Account) -> "ClientV2":
        """Raises OrderFailed. Registering again returns the account of the key (RFC 8555 section 7.3.1)."""
        from acme import errors, messages
        from acme.client import ClientV2
        from josepy.jwa import ES256
        from josepy.jwk import JWK

        if not self._directory:
            raise OrderFailed("No certificate authority is configured.")
        net = _network(JWK.load(account.key.encode()), alg=ES256, user_agent="capsule", timeout=REQUEST_TIMEOUT_SECONDS)
        net.verify_ssl = self._ca_bundle or True  # type: ignore[assignment]  # requests takes the path of a bundle
        client = ClientV2(ClientV2.get_directory(self._directory, net), net)
        contact = (f"mailto:{self._contact}",) if self._contact else ()
        try:
            client.new_account(messages.NewRegistration(contact=contact, terms_of_service_agreed=True))
        except errors.ConflictError as known:
            net.account = messages.RegistrationResource(uri=known.location, body=messages.Registration())
        return client


def _network(key: Any, alg: Any, **options: Any) -> "ClientNetwork":
    """`acme` sends a request again once when its nonce is refused; a directory that was restarted refuses every nonce from before (RFC 8555, 6.5)."""
    from acme import messages
    from acme.client import ClientNetwork

    class PatientNetwork(ClientNetwork):
        def post(self, *args: Any, **kwargs: Any) -> Any:
            for attempts_left in reversed(range(NONCE_ATTEMPTS)):
                try:
                    return super().post(*args, **kwargs)
                except messages.Error as error:
                    if error.code != "badNonce" or not attempts_left:
                        raise
            raise AssertionError("unreachable")

    return PatientNetwork(key, alg=alg, **options)


@contextmanager
def _translated() -> Iterator[None]:
    """Say in words why an order failed."""
    import requests
    from acme import errors, messages

    try:
        yield
    except errors.ValidationError as error:
        problems = [each.error for authorization in error.failed_authzrs for each in authorization.body.challenges if each.error is not None]
        raise OrderFailed(_limited(f"The certificate authority could not validate the domain: {'; '.join(map(_detail, problems))}")) from error
    except messages.Error as error:
        is_limited = error.code == "rateLimited"
        not_before = datetime.now(UTC) + RATE_LIMIT_PAUSE if is_limited else None
        raise OrderFailed(_limited(f"The certificate authority refuses: {_detail(error)}"), not_before) from error
    except errors.TimeoutError as error:
        raise OrderFailed(f"The certificate authority did not finish the order within {ORDER_TIMEOUT.total_seconds():.0f} s.") from error
    except (requests.exceptions.RequestException, OSError) as error:
        raise OrderFailed(_limited(f"The certificate authority cannot be reached: {error}")) from error
    except (errors.Error, ValueError) as error:
        raise OrderFailed(_limited(f"The order failed: {error}")) from error


def _detail(problem: Any) -> str:
    return str(problem.detail or problem.typ)


def _limited(text: str) -> str:
    return text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]}…"
