"""Begin an order of a certificate, if it is due and within the limits of a host name."""

from datetime import timedelta
from uuid import UUID

from functions.deploy.domain.application import ACTIVE, Application
from functions.deploy.domain.certificate import MAX_ORDERS_PER_HOUR, MAX_ORDERS_PER_WEEK
from functions.deploy.domain.domains import Domain
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, CertificatePolicy, CertificateReader, Domains, Vault
from functions.kernel import Clock

HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
Attempt = tuple[Domain, Application, tuple[str, str]]
"""With the sealed key and the thumbprint of the account; both empty where cert-manager issues."""


class CertificateAttempts:
    def __init__(
        self, domains: Domains, applications: Applications, reader: CertificateReader, policy: CertificatePolicy, vault: Vault, clock: Clock
    ) -> None:
        self._domains = domains
        self._applications = applications
        self._reader = reader
        self._policy = policy
        self._vault = vault
        self._clock = clock

    async def start(self, domain_id: UUID) -> Attempt | None:
        """Record an attempt; None: nothing is to be ordered now. In a writing transaction."""
        found, now = await self._domains.find(domain_id), self._clock.now()
        if found is None or not self._policy.is_issued:
            return None
        try:
            application = await self._applications.lock_any(found.application_id)
        except ApplicationNotFound:
            return None
        domain = await self._domains.lock_any(domain_id)
        if domain is None or domain.verified_at is None or application.status != ACTIVE or not domain.certificate.is_due(now):
            return None
        if not self._policy.directory:
            return domain, application, ("", "")

        orders = await self._domains.orders_since(domain.host, now - WEEK)
        recent = [each for each in orders if each > now - HOUR]
        if len(orders) >= MAX_ORDERS_PER_WEEK or len(recent) >= MAX_ORDERS_PER_HOUR:
            until = orders[-MAX_ORDERS_PER_WEEK] + WEEK if len(orders) >= MAX_ORDERS_PER_WEEK else recent[-MAX_ORDERS_PER_HOUR] + HOUR
            domain.certificate.next_attempt_at = until
            domain.certificate.failure = domain.certificate.failure or f"Certificates of {domain.host} were ordered {len(orders)} times this week."
            await self._domains.save(domain)
            return None
        domain.start_attempt(now)
        await self._domains.save(domain)
        await self._domains.record_order(domain.host, now)
        return domain, application, await self._account()

    async def _account(self) -> tuple[str, str]:
        directory = self._policy.directory
        if (known := await self._domains.find_account(directory)) is not None:
            return known
        created = self._reader.new_account()
        await self._domains.add_account(directory, self._vault.seal(created.key), created.thumbprint, self._clock.now())
        stored = await self._domains.find_account(directory)
        assert stored is not None, "it was added, by this transaction or another"
        return stored
