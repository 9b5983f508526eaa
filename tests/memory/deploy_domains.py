"""Domains in memory, with DNS, a certificate authority and a cluster that tests set."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from functions.deploy.domain.application import ACTIVE
from functions.deploy.domain.certificate import CertificateSource
from functions.deploy.domain.cluster_certificates import ClusterCertificate
from functions.deploy.domain.dns_records import Answers, DnsRecords
from functions.deploy.domain.domain_rejections import DomainNotFound, DomainTaken
from functions.deploy.domain.domains import Domain
from functions.deploy.domain.manifests import Manifest
from functions.deploy.ports import Account, Applications, OrderFailed, ResolverUnavailable
from functions.kernel import Rejection
from functions.runtime.storage.external_call import external_call
from knative.certificates import issue, new_authority, new_key, pem

NEVER = datetime.max.replace(tzinfo=UTC)


class MemoryDomains:
    def __init__(self, applications: Applications) -> None:
        self._applications = applications
        self._rows: dict[UUID, Domain] = {}
        self._orders: list[tuple[str, datetime]] = []
        self._accounts: dict[str, tuple[str, str]] = {}

    async def add(self, domain: Domain) -> None:
        same_host = [each for each in self._rows.values() if each.host == domain.host]
        if own := next((each for each in same_host if each.application_id == domain.application_id), None):
            raise DomainTaken.by_application(own.host, own.environment)
        if any(each.verified_at for each in same_host):
            raise DomainTaken.of(domain.host)
        self._rows[domain.id] = deepcopy(domain)

    async def get(self, application_id: UUID, host: str) -> Domain:
        found = [each for each in self._rows.values() if (each.application_id, each.host) == (application_id, host)]
        if not found:
            raise DomainNotFound.of(host)
        return deepcopy(found[0])

    async def lock(self, application_id: UUID, host: str) -> Domain:
        return await self.get(application_id, host)

    async def find(self, domain_id: UUID) -> Domain | None:
        return deepcopy(self._rows.get(domain_id))

    async def lock_any(self, domain_id: UUID) -> Domain | None:
        return await self.find(domain_id)

    async def find_verified(self, application: str, host: str) -> Domain | None:
        for each in self._rows.values():
            if each.host == host and each.verified_at is not None:
                owner = await self._find_application(each.application_id)
                if owner is not None and (owner.name, owner.status) == (application, ACTIVE):
                    return deepcopy(each)
        return None

    async def save(self, domain: Domain) -> bool:
        others = [each for each in self._rows.values() if each.host == domain.host and each.id != domain.id and each.verified_at is not None]
        if domain.verified_at is not None and others:
            return False
        if domain.id in self._rows:
            self._rows[domain.id] = deepcopy(domain)
        return True

    async def list_of(self, application_id: UUID, environment: str | None = None) -> Sequence[Domain]:
        found = [each for each in self._rows.values() if each.application_id == application_id and environment in (None, each.environment)]
        return deepcopy(sorted(found, key=lambda each: each.host))

    async def count_of_account(self, user_id: UUID) -> int:
        owners = [await self._find_application(each.application_id) for each in self._rows.values()]
        return sum(1 for each in owners if each is not None and each.user_id == user_id and each.status == ACTIVE)

    async def delete(self, domain_id: UUID) -> None:
        self._rows.pop(domain_id, None)

    async def list_to_check(self, due_before: datetime, limit: int) -> Sequence[UUID]:
        return [each.id for each in self._rows.values() if each.next_check_at is not None and each.next_check_at < due_before][:limit]

    async def list_to_issue(self, due_before: datetime, limit: int) -> Sequence[UUID]:
        found = [each for each in self._rows.values() if each.verified_at is not None and each.can_be_validated]
        found = [each for each in found if each.certificate.source in (None, CertificateSource.ACME)]
        return [each.id for each in found if each.certificate.next_attempt_at is None or each.certificate.next_attempt_at < due_before][:limit]

    async def list_to_ask(self, due_before: datetime, limit: int) -> Sequence[UUID]:
        found = [each for each in self._rows.values() if each.verified_at is not None and each.certificate.source is CertificateSource.ACME]
        found = [each for each in found if each.certificate.failures == 0 and (each.certificate.expires_at or due_before) > due_before]
        return [each.id for each in found if (each.certificate.renewal_info_at or datetime.min.replace(tzinfo=UTC)) < due_before][:limit]

    async def record_order(self, host: str, at: datetime) -> None:
        self._orders.append((host, at))

    async def orders_since(self, host: str, since: datetime) -> Sequence[datetime]:
        return sorted(at for each, at in self._orders if each == host and at > since)

    async def delete_orders_before(self, before: datetime) -> None:
        self._orders = [each for each in self._orders if each[1] >= before]

    async def find_account(self, directory: str) -> tuple[str, str] | None:
        return self._accounts.get(directory)

    async def add_account(self, directory: str, sealed_key: str, thumbprint: str, at: datetime) -> None:
        self._accounts.setdefault(directory, (sealed_key, thumbprint))

    async def _find_application(self, application_id: UUID) -> Any:
        try:
            return await self._applications.get_any(application_id)
        except Rejection:
            return None


@dataclass
class MemoryResolver:
    """`records`: host → its answers; `proves` fills them."""

    answers: dict[str, Answers] = field(default_factory=dict)
    is_down: bool = False

    @external_call
    async def look_up(self, records: DnsRecords) -> Answers:
        if self.is_down:
            raise ResolverUnavailable("The resolver does not answer.")
        return self.answers.get(records.host, Answers())


@dataclass
class MemoryAuthority:
    """`failure`: why it refuses the next orders."""

    lifetime: timedelta = timedelta(days=90)
    now: datetime | None = None
    failure: OrderFailed | None = None
    orders: list[tuple[str, str]] = field(default_factory=list)
    challenge_names: list[str | None] = field(default_factory=list)
    """Of the orders; None: by HTTP-01."""

    def __post_init__(self) -> None:
        self._key = new_key()

    @external_call
    async def order(self, host: str, account: Account, challenge_name: str | None = None) -> tuple[str, str]:
        self.challenge_names.append(challenge_name)
        self.orders.append((host, account.thumbprint))
        if self.failure is not None:
            raise self.failure
        assert self.now is not None
        root, key = new_authority("Memory authority", self._key, self.now, timedelta(days=3650)), new_key()
        return pem(issue(root, self._key, key.public_key(), [host], self.now, self.lifetime)).decode(), pem(key).decode()


@dataclass
class MemoryRenewalInfo:
    """`suggested_at`: what the authority suggests for every certificate. `failure`: why it does not answer."""

    suggested_at: datetime | None = None
    ask_at: datetime = NEVER
    failure: OrderFailed | None = None
    chains: list[str] = field(default_factory=list)

    @external_call
    async def find(self, chain: str) -> tuple[datetime | None, datetime]:
        self.chains.append(chain)
        if self.failure is not None:
            raise self.failure
        return self.suggested_at, self.ask_at


@dataclass
class MemoryDomainObjects:
    """`claims`: host → namespace. `objects`: (kind, namespace, name) → manifest. `failures`: raised by the next calls, one each."""

    claims: dict[str, str] = field(default_factory=dict)
    objects: dict[tuple[str, str, str], Manifest] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    certificate: ClusterCertificate | None = None
    """What cert-manager says of every Certificate. None: there is no cert-manager."""

    @external_call
    async def read_certificate(self, namespace: str, domain_id: UUID) -> ClusterCertificate | None:
        return self.certificate

    @external_call
    async def apply(self, claim: Manifest, *objects: Manifest) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.claims[claim["metadata"]["name"]] = claim["spec"]["namespace"]
        for each in objects:
            self.objects[each["kind"], each["metadata"]["namespace"], each["metadata"]["name"]] = deepcopy(each)

    @external_call
    async def delete(self, namespace: str, host: str, domain_id: UUID, *, keeps_host: bool) -> None:
        for key in [key for key, each in self.objects.items() if each["metadata"]["labels"].get("capsule.dev/domain") == str(domain_id)]:
            if key[0] != "DomainMapping":
                del self.objects[key]
        if keeps_host:
            return
        self.objects.pop(("DomainMapping", namespace, host), None)
        if self.claims.get(host) == namespace:
            del self.claims[host]

    def mapping(self, host: str) -> Manifest | None:
        return next((each for (kind, _, name), each in self.objects.items() if (kind, name) == ("DomainMapping", host)), None)
