"""Certificates of domains: ordered, renewed, backed off, and brought by their owner."""

from datetime import timedelta
from typing import Any

import pytest

from events.domains import DomainCertificateFailed
from functions.deploy import ports
from functions.deploy.commands.delete_domain_certificate import DeleteDomainCertificate
from functions.deploy.commands.remove_domain import RemoveDomain
from functions.deploy.commands.set_domain_certificate import SetDomainCertificate
from functions.deploy.domain.certificate import MAX_ORDERS_PER_WEEK
from functions.deploy.domain.dns_records import Answers
from functions.deploy.domain.domain_rejections import (
    DomainNotVerified,
    InvalidCertificate,
)
from functions.deploy.domain.domain_views import DomainView
from functions.deploy.ports import ClusterUnavailable, OrderFailed
from tests.deploy.deploy_capsule import OWNER, DeployCapsule
from tests.deploy.domain_world import HOST, add, authority, check, cluster, proven, resolver, show, target
from tests.memory.deploy_domains import MemoryAuthority, MemoryDomainObjects, MemoryResolver

__all__ = ["authority", "cluster", "resolver"]


async def test_a_certificate_is_renewed_at_two_thirds_of_its_lifetime(
    capsule: DeployCapsule, resolver: MemoryResolver, authority: MemoryAuthority
) -> None:
    serving = await capsule.release()
    first = await proven(capsule, resolver, serving)
    due_at = first.certificate.next_attempt_at
    assert due_at is not None and timedelta(days=55) < due_at - capsule.clock.now() <= timedelta(days=60)
    await capsule.advance(days=50)
    await capsule.housekeeping()
    await capsule.settle()
    assert len(authority.orders) == 1
    await capsule.advance(days=11)
    authority.now = capsule.clock.now()
    await capsule.housekeeping()
    await capsule.settle()
    renewed = await show(capsule, serving)
    assert len(authority.orders) == 2 and renewed.certificate.expires_at > first.certificate.expires_at  # type: ignore[operator]


async def test_a_broken_domain_is_ordered_seldom_and_says_why(capsule: DeployCapsule, resolver: MemoryResolver, authority: MemoryAuthority) -> None:
    serving = await capsule.release()
    authority.failure = OrderFailed("The certificate authority could not validate the domain: 192.0.2.1: Connection refused")
    failed = await proven(capsule, resolver, serving)
    assert "Connection refused" in (failed.certificate.failure or "") and failed.certificate.next_attempt_at is not None
    assert capsule.events(DomainCertificateFailed)[0].failures == 1
    for _ in range(24 * 6):  # a day
        await capsule.advance(minutes=10)
        await capsule.housekeeping()
        await capsule.settle()
    assert 4 <= len(authority.orders) <= 7
    for _ in range(20):  # adding it again does not order more
        await capsule.call(RemoveDomain(application_id=serving.application_id, host=HOST), caller=OWNER)
        await capsule.settle()
        await proven(capsule, resolver, serving)
        await capsule.advance(minutes=30)
    assert len(authority.orders) == MAX_ORDERS_PER_WEEK
    assert "this week" in ((await show(capsule, serving)).certificate.failure or "")
    authority.failure = None
    await capsule.advance(days=8)
    authority.now = capsule.clock.now()
    await capsule.housekeeping()
    await capsule.settle()
    assert (await show(capsule, serving)).certificate.source == "acme"


async def test_an_order_that_the_ingress_is_not_ready_for_says_so_and_is_repeated(
    capsule: DeployCapsule, resolver: MemoryResolver, authority: MemoryAuthority, cluster: MemoryDomainObjects
) -> None:
    """A repeated message finds the attempt that was recorded, so the failure must be recorded too."""
    serving = await capsule.release()
    cluster.failures = [ClusterUnavailable("the API does not respond") for _ in range(2)]  # of the refresh, which is repeated, and of the order
    failed = (await proven(capsule, resolver, serving)).certificate
    assert "the API does not respond" in (failed.failure or "") and authority.orders == [] and failed.failures == 1
    cluster.failures = []
    await capsule.advance(minutes=6)
    await capsule.housekeeping()
    await capsule.settle()
    assert (await show(capsule, serving)).certificate.source == "acme"


async def test_a_limited_directory_says_when_to_try_again(capsule: DeployCapsule, resolver: MemoryResolver, authority: MemoryAuthority) -> None:
    serving = await capsule.release()
    until = capsule.clock.now() + timedelta(days=3)
    authority.failure = OrderFailed("too many certificates", until)
    assert (await proven(capsule, resolver, serving)).certificate.next_attempt_at == until


async def test_an_own_certificate_is_checked_sealed_and_served(
    capsule: DeployCapsule, resolver: MemoryResolver, authority: MemoryAuthority, cluster: MemoryDomainObjects
) -> None:
    serving = await capsule.release()
    await add(capsule, serving)
    chain, key = await authority.order(HOST, ports.Account("", ""))
    _, other_key = await authority.order(HOST, ports.Account("", ""))
    wrong, wrong_key = await authority.order("other.example.com", ports.Account("", ""))
    authority.orders.clear()

    async def upload(chain: str, key: str) -> DomainView:
        request: Any = SetDomainCertificate.model_validate({"application_id": serving.application_id, "host": HOST, "certificate": chain, "key": key})
        view: DomainView = await capsule.call(request, caller=OWNER)
        await capsule.settle()
        return view

    with pytest.raises(DomainNotVerified):
        await upload(chain, key)
    resolver.answers[HOST] = Answers(cname=target(await show(capsule, serving)))
    await check(capsule, serving)
    for certificate, private, reason in (
        (chain, other_key, "not the one of the certificate"),
        (wrong, wrong_key, "covers other.example.com"),
        ("nonsense", key, "not PEM"),
        (chain, "nonsense", "not a private key"),
    ):
        with pytest.raises(InvalidCertificate, match=reason):
            await upload(certificate, private)
    view = await upload(chain, key)
    assert (view.certificate.source, view.certificate.next_attempt_at) == ("own", None)
    [secret] = [each for kind, each in ((key[0], each) for key, each in cluster.objects.items()) if kind == "Secret"]
    assert secret["type"] == "kubernetes.io/tls"
    stored = await capsule.port(ports.Domains).get(serving.application_id, HOST)
    assert stored.certificate.sealed_key != key
    await capsule.advance(days=91)
    with pytest.raises(InvalidCertificate, match="expired"):
        await upload(chain, key)
    authority.now = capsule.clock.now()
    await capsule.call(DeleteDomainCertificate(application_id=serving.application_id, host=HOST), caller=OWNER)
    await capsule.settle()
    assert (await show(capsule, serving)).certificate.source == "acme"
