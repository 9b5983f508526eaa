"""Contract of domains, in memory and on PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest

from functions.deploy.adapters.postgres_domains import PostgresDomains
from functions.deploy.domain.certificate import Certificate, CertificateSource
from functions.deploy.domain.dns_records import Proof
from functions.deploy.domain.domain_rejections import DomainNotFound, DomainTaken
from functions.deploy.domain.domains import Domain, PlatformNames
from functions.deploy.domain.names import STAGING
from functions.deploy.ports import Domains
from tests.adapters.deploy_stores import NOW, Stores, add_application, stores, url
from tests.memory.deploy_domains import MemoryDomains

__all__ = ["stores", "url"]

LATER = NOW + timedelta(days=1)


@pytest.fixture
async def domains(stores: Stores) -> AsyncIterator[Domains]:
    yield PostgresDomains(stores.database) if stores.database is not None else MemoryDomains(stores.applications)


async def new(stores: Stores, host: str) -> Domain:
    application = await add_application(stores)
    async with stores.transaction():
        environment = await stores.environments.get(application, STAGING)
    return Domain.add(application, environment, host, PlatformNames(), NOW)[0]


def verified(domain: Domain) -> Domain:
    domain.verified_at, domain.proof, domain.is_pointed_here, domain.next_check_at = NOW, Proof.CNAME, True, LATER
    return domain


async def test_a_domain_is_stored_with_its_certificate(stores: Stores, domains: Domains) -> None:
    domain = await new(stores, f"{uuid4().hex}.example.com")
    async with stores.transaction():
        await domains.add(domain)
        assert await domains.get(domain.application_id, domain.host) == domain
        verified(domain).certificate = Certificate(
            CertificateSource.ACME, "-----BEGIN", "sealed:key", "Authority", NOW, LATER, NOW, LATER, 2, "refused", LATER, NOW
        )
        assert await domains.save(domain)
        assert await domains.lock(domain.application_id, domain.host) == domain == await domains.find(domain.id) == await domains.lock_any(domain.id)
        owner = await stores.applications.get_any(domain.application_id)
        assert await domains.find_verified(owner.name, domain.host) == domain
        assert await domains.find_verified("other", domain.host) is None
        assert list(await domains.list_of(domain.application_id)) == [domain]
        assert list(await domains.list_of(domain.application_id, "production")) == []
        assert await domains.count_of_account(owner.user_id) == 1
        await domains.delete(domain.id)
        with pytest.raises(DomainNotFound):
            await domains.get(domain.application_id, domain.host)


async def test_the_first_that_proves_a_host_has_it(stores: Stores, domains: Domains) -> None:
    host = f"{uuid4().hex}.example.com"
    one, two, three = [await new(stores, host) for _ in range(3)]
    async with stores.transaction():
        await domains.add(one)
        await domains.add(two)
        with pytest.raises(DomainTaken, match=f"is a domain of {one.environment} of this application already"):
            await domains.add(one)
    async with stores.transaction():
        assert await domains.save(verified(two))
        assert not await domains.save(verified(one))
        stored = await domains.find(one.id)
        assert stored is not None and stored.verified_at is None, "and the transaction goes on"
        with pytest.raises(DomainTaken):
            await domains.add(three)


async def test_what_is_due_is_listed(stores: Stores, domains: Domains) -> None:
    waiting, proven, own = [await new(stores, f"{uuid4().hex}.example.com") for _ in range(3)]
    verified(own).certificate = Certificate(CertificateSource.OWN, "-----BEGIN", "sealed:key", "Authority", NOW, LATER)
    verified(proven).certificate.next_attempt_at = NOW
    async with stores.transaction():
        for each in (waiting, proven, own):
            await domains.add(each)
        checked = await domains.list_to_check(NOW + timedelta(seconds=1), 1000)
        assert waiting.id in checked and proven.id not in checked
        issued = await domains.list_to_issue(NOW + timedelta(seconds=1), 1000)
        assert proven.id in issued and not {waiting.id, own.id} & set(issued)
        assert proven.id not in await domains.list_to_issue(NOW, 1000)


async def test_delegated_domains_are_issued_and_authorities_are_asked(stores: Stores, domains: Domains) -> None:
    delegated, issued, failed, own = [await new(stores, f"{uuid4().hex}.example.com") for _ in range(4)]
    verified(delegated).is_pointed_here, delegated.is_delegated = False, True
    for each, source in ((issued, CertificateSource.ACME), (failed, CertificateSource.ACME), (own, CertificateSource.OWN)):
        verified(each).certificate = Certificate(source, "-----BEGIN", "sealed:key", "Authority", NOW, LATER, next_attempt_at=LATER)
    failed.certificate.failures = 1
    async with stores.transaction():
        for each in (delegated, issued, failed, own):
            await domains.add(each)
        assert delegated.id in await domains.list_to_issue(NOW + timedelta(seconds=1), 1000)
        assert {issued.id} == set(await domains.list_to_ask(NOW, 1000)) & {each.id for each in (delegated, issued, failed, own)}
        assert issued.id not in await domains.list_to_ask(LATER, 1000), "RFC 9773 section 4.3: not after it has expired"
        issued.certificate.renewal_info_at = NOW
        await domains.save(issued)
        assert issued.id not in await domains.list_to_ask(NOW, 1000)
        assert issued.id in await domains.list_to_ask(NOW + timedelta(seconds=1), 1000)


async def test_orders_and_accounts_outlive_domains(stores: Stores, domains: Domains) -> None:
    host, directory = f"{uuid4().hex}.example.com", f"https://{uuid4().hex}.example/dir"
    async with stores.transaction():
        for at in (LATER, NOW):
            await domains.record_order(host, at)
        assert list(await domains.orders_since(host, NOW - timedelta(hours=1))) == [NOW, LATER]
        assert list(await domains.orders_since(host, NOW)) == [LATER]
        await domains.delete_orders_before(LATER)
        assert list(await domains.orders_since(host, NOW - timedelta(days=9))) == [LATER]
        assert await domains.find_account(directory) is None
        await domains.add_account(directory, "sealed:one", "one", NOW)
        await domains.add_account(directory, "sealed:two", "two", NOW)
        assert await domains.find_account(directory) == ("sealed:one", "one")
