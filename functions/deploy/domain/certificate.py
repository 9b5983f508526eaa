"""The certificate of a domain: what is served, and when the next one is ordered (pure)."""

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

RETRY_PAUSES = tuple(timedelta(minutes=each) for each in (5, 15, 60, 240, 720, 1440))
"""After failures in a row; the last is repeated. A directory allows five failed validations of a name in an hour (Let's Encrypt, rate limits)."""
MAX_ORDERS_PER_HOUR, MAX_ORDERS_PER_WEEK = 4, 10
"""Of one host name, whoever adds it."""
WARN_BEFORE = timedelta(days=14)
"""The end of an uploaded certificate, which nobody renews."""
RENEWAL_INFO_PAUSE = timedelta(hours=6)
"""Until the next request to the authority, when it does not answer (RFC 9773 section 4.3.3)."""


class CertificateSource(StrEnum):
    ACME = "acme"
    OWN = "own"
    """Uploaded by the user."""
    CLUSTER = "cluster"
    """cert-manager has it."""


@dataclass(slots=True)
class Certificate:
    """Without `source`, there is none yet. `chain`: PEM, the certificate first. Times of attempts are of orders from the authority."""

    source: CertificateSource | None = None
    chain: str | None = None
    sealed_key: str | None = None
    issuer: str = ""
    issued_at: datetime | None = None
    """When it begins to be valid."""
    expires_at: datetime | None = None
    attempted_at: datetime | None = None
    next_attempt_at: datetime | None = None
    failures: int = 0
    failure: str | None = None
    renewal_info_at: datetime | None = None
    """The next request to the authority for its renewal information. None: at the next housekeeping."""
    warned_at: datetime | None = None
    """When its owner was warned that it ends."""

    def is_due(self, now: datetime) -> bool:
        """Whether an order from the authority is due. An own certificate is its user's business."""
        return self.source in (None, CertificateSource.ACME) and (self.next_attempt_at is None or self.next_attempt_at <= now)

    def needs_warning(self, now: datetime) -> bool:
        """Whether its owner is to be warned that it ends. At most a third of its lifetime before."""
        if self.source is not CertificateSource.OWN or self.warned_at is not None or self.issued_at is None or self.expires_at is None:
            return False
        return self.expires_at - now < min(WARN_BEFORE, (self.expires_at - self.issued_at) / 3)


def retry_at(domain_id: UUID, failures: int, at: datetime) -> datetime:
    pause = RETRY_PAUSES[min(failures, len(RETRY_PAUSES)) - 1]
    return at + pause * (0.9 + 0.2 * _spread(domain_id))


def renewal_at(domain_id: UUID, certificate: Certificate) -> datetime:
    """At two thirds of the lifetime, less up to a twentieth of it, so that certificates that were issued together are not renewed together."""
    assert certificate.issued_at is not None and certificate.expires_at is not None
    lifetime = certificate.expires_at - certificate.issued_at
    return certificate.issued_at + lifetime * (2 / 3 - 0.05 * _spread(domain_id))


def _spread(domain_id: UUID) -> float:
    """A number in [0, 1) that is always the same for a domain."""
    return zlib.crc32(domain_id.bytes) / 2**32
