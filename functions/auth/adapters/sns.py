"""Messages of Amazon SNS: signature, certificate, subscription. https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html"""

import base64
import binascii
import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from functions.auth.adapters.ses_topics import SES_TOPICS
from functions.auth.domain.ses_notification import ForgedNotification, SnsMessage
from functions.kernel import Permanent, Transient
from functions.runtime.config.settings import Settings
from functions.runtime.security.outgoing import CheckedTransport
from functions.runtime.storage.external_call import external_call

TIMEOUT_SECONDS = 5.0
HOST = re.compile(r"sns\.[a-z]{2}(-[a-z]{2,4})*-[a-z]+-\d\.amazonaws\.com(\.cn)?", re.ASCII)
"""Of SNS in a region. A certificate from anywhere else, such as a bucket below amazonaws.com, proves nothing."""
PRINTABLE = re.compile(r"[!-~]{1,2048}")
CERTIFICATE_PATH = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]+\.pem", re.ASCII)
MAX_CERTIFICATE_BYTES = 64 << 10
MAX_CACHED_CERTIFICATES = 16
UNKNOWN = frozenset({400, 403, 404, 410})
"""Statuses of an address that SNS has not given out: a certificate that is none, a token that is over."""
HASHES = {"1": SHA1, "2": SHA256}
"""By SignatureVersion."""


class SnsNotifications:
    def __init__(self, settings: Settings) -> None:
        self._topics = frozenset(settings.value(SES_TOPICS))
        self._certificates: dict[str, x509.Certificate] = {}
        transport = CheckedTransport((), SES_TOPICS.name)
        self._client = httpx.AsyncClient(transport=transport, trust_env=False, follow_redirects=False, timeout=TIMEOUT_SECONDS)

    def accepts(self, topic: str) -> bool:
        return topic in self._topics

    @external_call
    async def verify(self, message: SnsMessage) -> None:
        if not self.accepts(message.topic):
            raise ForgedNotification("its topic is not listed")
        certificate = await self._certificate(check_region(message.certificate_url, message.topic))
        verify_signature(message, certificate, datetime.now(UTC))

    @external_call
    async def confirm(self, message: SnsMessage) -> None:
        url = check_region(message.subscribe_url or "", message.topic)
        if parse_qs(urlsplit(url).query).get("Action") != ["ConfirmSubscription"]:
            raise ForgedNotification("its SubscribeURL confirms no subscription")
        await self._get(url)

    async def _certificate(self, url: str) -> x509.Certificate:
        parts = urlsplit(url)
        if not CERTIFICATE_PATH.fullmatch(parts.path) or parts.query or parts.fragment:
            raise ForgedNotification("its SigningCertURL is no certificate of SNS")
        if url not in self._certificates:
            try:
                certificate = x509.load_pem_x509_certificate(await self._get(url))
            except ValueError as error:
                raise Transient(f"{url} is no certificate") from error
            while len(self._certificates) >= MAX_CACHED_CERTIFICATES:
                del self._certificates[next(iter(self._certificates))]
            self._certificates[url] = certificate
        return self._certificates[url]

    async def _get(self, url: str) -> bytes:
        try:
            response = await self._client.get(url)
        except (httpx.HTTPError, Permanent) as error:
            raise Transient(f"{url.partition('?')[0]} cannot be read: {error}") from error
        if response.status_code in UNKNOWN:  # whoever knows the topic's name can send such a URL, and no retry changes the answer
            raise ForgedNotification(f"{url.partition('?')[0]} answers {response.status_code}")
        if response.status_code != 200 or len(response.content) > MAX_CERTIFICATE_BYTES:
            raise Transient(f"{url.partition('?')[0]} answers {response.status_code}")
        return response.content


def check_url(url: str) -> str:
    """Return a URL of SNS. Raises ForgedNotification for any other."""
    if not PRINTABLE.fullmatch(url):  # urlsplit drops line breaks, which httpx refuses
        raise ForgedNotification(f"{url[:200]!r} is no URL of SNS")
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme == "https" and parts.port in (None, 443) and "@" not in parts.netloc and HOST.fullmatch(parts.hostname or "")
    except ValueError:
        is_valid = None
    if not is_valid:
        raise ForgedNotification(f"{url[:200]!r} is no URL of SNS")
    return url


def check_region(url: str, topic: str) -> str:
    """Return a URL of SNS in the topic's region: in another one, its host need not exist. Raises ForgedNotification."""
    region = topic.split(":")[3:4]
    if (urlsplit(check_url(url)).hostname or "").split(".")[1:2] != region:
        raise ForgedNotification(f"{url[:200]!r} is not in the region of {topic}")
    return url


def verify_signature(message: SnsMessage, certificate: x509.Certificate, now: datetime) -> None:
    """Raises ForgedNotification."""
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey) or not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise ForgedNotification("its certificate is not valid")
    try:
        signature = base64.b64decode(message.signature, validate=True)
        key.verify(signature, message.signed_text(), PKCS1v15(), HASHES[message.signature_version]())
    except (InvalidSignature, binascii.Error) as error:
        raise ForgedNotification("its signature is wrong") from error
