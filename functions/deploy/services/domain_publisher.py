"""Make the cluster's objects of a domain what its row says, whatever event led here."""

from uuid import UUID

from functions.deploy.domain import domain_manifests as manifests
from functions.deploy.domain.domains import Domain
from functions.deploy.domain.manifests import Manifest
from functions.deploy.domain.names import namespace_of
from functions.deploy.ports import CertificatePolicy, DomainObjects, Domains, Vault
from functions.kernel import Work

MAX_PASSES = 3


class DomainPublisher:
    def __init__(self, domains: Domains, objects: DomainObjects, policy: CertificatePolicy, vault: Vault) -> None:
        self._domains = domains
        self._objects = objects
        self._policy = policy
        self._vault = vault

    async def publish(self, application: str, host: str, domain_id: UUID, work: Work) -> None:
        """Apply the objects of a proven domain of the application, or delete those of `domain_id`. Repeated while its row changes meanwhile."""
        applied: Domain | None = None
        for number in range(MAX_PASSES):
            async with work.reading():
                domain = await self._domains.find_verified(application, host)
                account = await self._domains.find_account(self._policy.directory) if self._policy.directory else None
            if number and domain == applied:
                return
            applied = domain
            if domain is None or domain.id != domain_id:
                await self._objects.delete(namespace_of(application), host, domain_id, keeps_host=domain is not None)
            if domain is not None:
                thumbprint = account[1] if account is not None else None
                await self._objects.apply(manifests.claim(domain, application), *self._render(domain, application, thumbprint))

    def _render(self, domain: Domain, application: str, thumbprint: str | None) -> list[Manifest]:
        """The certificate first: a mapping that names it finds it."""
        objects = [manifests.mapping(domain, application, thumbprint)]
        if domain.certificate.sealed_key is not None:
            return [manifests.secret(domain, application, self._vault.open(domain.certificate.sealed_key)), *objects]
        if manifests.is_of_cluster(domain) and self._policy.cluster_issuer:
            return [manifests.certificate(domain, application, self._policy.cluster_issuer), *objects]
        return objects
