"""An ACME directory (RFC 8555), through the package `acme` of Certbot. Blocking.

HTTP-01 needs nothing here: the ingress answers challenges without state, by the thumbprint of the account (`knative/local/serving/domains`). DNS-01
needs the operator's hook, which creates a TXT record for the time of the order.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from functions.deploy.adapters.dns_hook import DnsHook, HookFailed
from functions.deploy.adapters.x509_certificates import new_key
from functions.deploy.ports import OrderFailed

if TYPE_CHECKING:
    from acme.client import ClientNetwork, ClientV2

log = logging.getLogger(__name__)

ORDER_TIMEOUT = timedelta(seconds=60)
NONCE_ATTEMPTS = 6
"""Each of them sends a request twice."""
REQUEST_TIMEOUT_SECONDS = 15
RATE_LIMIT_PAUSE = timedelta(hours=1)
MAX_REASON = 500
CHALLENGE_LABEL = "_acme-challenge"


@dataclass(frozen=True, slots=True)
class TxtChallenges:
    """DNS-01. `names`: where the TXT record of a host is; by default `_acme-challenge.<host>`.

    `shows_output`: whether the reason of a failure has what the hook printed, which is for operators only.
    """

    hook: DnsHook
    names: Mapping[str, str]
    shows_output: bool = False


@dataclass(frozen=True, slots=True)
class AcmeDirectory:
    """`ca_bundle`: a PEM file with the authorities of the directory's own server; empty: the usual ones."""

    url: str
    contact: str = ""
    ca_bundle: str = ""

    def order(self, hosts: Sequence[str], account_key: str, txt: TxtChallenges | None = None) -> tuple[str, str]:
        """Order one certificate for all hosts. `txt`: by DNS-01; None: by HTTP-01. Returns the chain and its new private key, in PEM.

        Raises OrderFailed.
        """
        from acme.crypto_util import make_csr

        with _translated(shows_output=txt is not None and txt.shows_output):
            client = self._client(account_key)
            key = new_key()
            order = client.new_order(make_csr(key.encode(), list(hosts)))
            with _answered(client, order, txt):
                finished = client.poll_and_finalize(order, datetime.now() + ORDER_TIMEOUT)
            return finished.fullchain_pem, key

    def renewal_info(self, chain: str) -> tuple[datetime | None, datetime]:
        """Ask when a certificate is to be renewed (ACME Renewal Information, RFC 9773): earlier than planned, when it will be revoked.

        Returns a time within the window that the directory suggests, and when to ask again. None: the directory has no such information. Raises
        OrderFailed.
        """
        with _translated(shows_output=False):
            suggested_at, ask_at = self._connect(new_key()).renewal_time(chain.encode())  # without an account: the resource is public
            return (suggested_at.astimezone(UTC) if suggested_at else None), ask_at.astimezone(UTC)

    @staticmethod
    def preload() -> None:
        """Import what orders need, for a process that gives up reading files."""
        for name in ("acme.challenges", "acme.client", "acme.crypto_util", "josepy.jwa", "requests.adapters", "encodings.idna"):
            import_module(name)

    def _client(self, account_key: str) -> "ClientV2":
        """Raises OrderFailed. Registering again returns the account of the key (RFC 8555 section 7.3.1)."""
        from acme import errors, messages

        client = self._connect(account_key)
        contact = (f"mailto:{self.contact}",) if self.contact else ()
        try:
            client.new_account(messages.NewRegistration(contact=contact, terms_of_service_agreed=True))
        except errors.ConflictError as known:
            client.net.account = messages.RegistrationResource(uri=known.location, body=messages.Registration())
        return client

    def _connect(self, account_key: str) -> "ClientV2":
        from acme.client import ClientV2
        from josepy.jwa import ES256
        from josepy.jwk import JWK

        if not self.url:
            raise OrderFailed("No certificate authority is configured.")
        net = _network(JWK.load(account_key.encode()), alg=ES256, user_agent="capsule", timeout=REQUEST_TIMEOUT_SECONDS)
        net.verify_ssl = self.ca_bundle or True  # type: ignore[assignment]  # requests takes the path of a bundle
        return ClientV2(ClientV2.get_directory(self.url, net), net)


@contextmanager
def _answered(client: "ClientV2", order: Any, txt: TxtChallenges | None) -> Iterator[None]:
    """Answer the challenges of an order. TXT records exist until the end of the block, also when it fails."""
    from acme.challenges import DNS01, HTTP01

    kind, name = (HTTP01, "HTTP-01") if txt is None else (DNS01, "DNS-01")
    records: list[tuple[str, str]] = []
    try:
        chosen = []
        for authorization in order.authorizations:
            host = authorization.body.identifier.value
            if authorization.body.status.name == "valid":
                continue
            challenge = next((each for each in authorization.body.challenges if isinstance(each.chall, kind)), None)
            if challenge is None:
                raise OrderFailed(f"The certificate authority offers no {name} challenge for {host}.")
            chosen.append(challenge)
            if txt is not None:
                record = txt.names.get(host, f"{CHALLENGE_LABEL}.{host}"), challenge.chall.validation(client.net.key)
                records.append(record)  # before the call: what failed may have created it
                txt.hook.present(*record)
        for challenge in chosen:
            client.answer_challenge(challenge, challenge.response(client.net.key))
        yield
    finally:
        for record in records if txt is not None else ():
            try:
                txt.hook.cleanup(*record)  # type: ignore[union-attr]
            except HookFailed as error:
                log.warning("the TXT record of a challenge stays: %s", error.detail)


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
def _translated(*, shows_output: bool) -> Iterator[None]:
    """Say in words why an order failed."""
    import requests
    from acme import errors, messages

    try:
        yield
    except HookFailed as error:
        log.warning("%s", error.detail)
        raise OrderFailed(_limited(error.detail if shows_output else str(error))) from error
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
