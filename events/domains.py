"""Events of the deploy context about domains of applications and their certificates."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event


class DomainEvent(Event, abstract=True):
    """Fields of every public event about a domain. `host`: in ASCII."""

    domain_id: UUID
    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    host: str
    at: datetime


class DomainAdded(DomainEvent, type="domain.added", is_public=True):
    """A domain was added to an environment.

    It is served once its ownership is proven.
    """


class DomainVerified(DomainEvent, type="domain.verified", is_public=True):
    """The ownership of a domain is proven.

    The environment serves it from now on. `proof`: `cname` or `txt`.
    """

    proof: str


class DomainUnverified(DomainEvent, type="domain.unverified", is_public=True):
    """A domain has not led here for a week.

    It is served no more, and whoever proves that it is theirs may have it.
    """


class DomainRemoved(DomainEvent, type="domain.removed", is_public=True):
    """A domain was removed, with its certificate."""


class DomainCertificateIssued(DomainEvent, type="domain.certificate-issued", is_public=True):
    """A domain has a new certificate.

    `source`: `acme`, or `own` for an uploaded one.
    """

    source: str
    issuer: str
    expires_at: datetime


class DomainCertificateFailed(DomainEvent, type="domain.certificate-failed", is_public=True):
    """A certificate for a domain could not be issued.

    `failures`: since the last success. `expires_at`: of the certificate that is still served; null: there is none.
    """

    reason: str
    failures: int
    next_attempt_at: datetime
    expires_at: datetime | None = None


class DomainCertificateExpiring(DomainEvent, type="domain.certificate-expiring", is_public=True):
    """An uploaded certificate of a domain ends soon.

    Capsule does not renew it: upload the next one.
    """

    issuer: str
    expires_at: datetime


class DomainCheckRequested(Event, type="domain.check-requested"):
    """The DNS records of a domain are due to be checked."""

    domain_id: UUID


class DomainRefreshRequested(Event, type="domain.refresh-requested"):
    """What the cluster has of a domain is due to be applied.

    It names the application and the host, because the row may be deleted since.
    """

    domain_id: UUID
    application: str
    host: str


class DomainRenewalInfoRequested(Event, type="domain.renewal-info-requested"):
    """A request for the renewal information of a certificate is due."""

    domain_id: UUID


class DomainCertificateRequested(Event, type="domain.certificate-requested"):
    """A certificate of a domain is due."""

    domain_id: UUID
