"""Domains: proof of ownership by DNS, what is served, and what is deleted with an application."""

import pytest

from events.domains import DomainCertificateIssued, DomainRemoved, DomainUnverified, DomainVerified
from functions.deploy import ports
from functions.deploy.commands.add_domain import AddDomain
from functions.deploy.commands.change_domain import ChangeDomain
from functions.deploy.commands.remove_domain import RemoveDomain
from functions.deploy.domain.dns_records import Answers
from functions.deploy.domain.domain_rejections import (
    DomainNotFound,
    DomainReserved,
    DomainTaken,
    InvalidDomain,
    TooManyDomains,
)
from functions.deploy.domain.rejections import ApplicationNotFound, NothingReleased
from functions.deploy.queries.domain import GetDomain
from functions.deploy.queries.domains import ListDomains
from tests.deploy.deploy_capsule import OWNER, STRANGER, DeployCapsule
from tests.deploy.domain_world import HOST, add, authority, check, cluster, proven, resolver, show, strangers, target
from tests.memory.deploy_domains import MemoryAuthority, MemoryDomainObjects, MemoryResolver

__all__ = ["authority", "cluster", "resolver"]


async def test_a_domain_is_served_with_a_certificate_once_its_cname_proves_it(
    capsule: DeployCapsule, resolver: MemoryResolver, authority: MemoryAuthority, cluster: MemoryDomainObjects
) -> None:
    serving = await capsule.release()
    added = await add(capsule, serving, "Shop.Example.COM.")
    assert added.host == HOST and target(added).startswith("capsule-") and target(added).endswith(".localhost")
    waiting = await show(capsule, serving)
    assert waiting.state == "pending" and f"{HOST} CNAME {target(added)}" in (waiting.problem or "")
    assert cluster.claims == {} and authority.orders == []

    resolver.answers[HOST] = Answers(cname=target(added))
    view = await check(capsule, serving)
    assert (view.state, view.proof, view.problem) == ("verified", "cname", None)
    assert cluster.claims == {HOST: serving.namespace}
    mapping = cluster.mapping(HOST)
    assert mapping is not None and mapping["spec"]["ref"]["name"] == serving.service
    assert mapping["metadata"]["annotations"]["networking.knative.dev/http-protocol"] == "Redirected"
    assert mapping["metadata"]["annotations"]["local.capsule.dev/acme-thumbprint"] == authority.orders[0][1]
    [secret] = [each for key, each in cluster.objects.items() if key[0] == "Secret"]
    assert secret["metadata"]["name"] == mapping["spec"]["tls"]["secretName"] and set(secret["data"]) == {"tls.crt", "tls.key"}
    assert [each.proof for each in capsule.events(DomainVerified)] == ["cname"]
    [issued] = capsule.events(DomainCertificateIssued)
    assert (issued.source, issued.issuer) == ("acme", "Memory authority")
    assert view.certificate.source == "acme" and view.certificate.failures == 0
    assert "PRIVATE KEY" not in view.model_dump_json() and all("PRIVATE KEY" not in each.event.model_dump_json() for each in capsule.published)


async def test_address_records_prove_nothing_and_a_txt_record_does(
    capsule: DeployCapsule, resolver: MemoryResolver, authority: MemoryAuthority
) -> None:
    serving = await capsule.release()
    view = await add(capsule, serving)
    here = frozenset({"192.0.2.1"})
    resolver.answers[HOST] = Answers(addresses=here, expected=here)
    assert (await check(capsule, serving)).state == "pending"
    resolver.answers[HOST] = Answers(addresses=here, expected=here, texts=frozenset({"capsule=other"}))
    assert (await check(capsule, serving)).state == "pending"
    token = view.records[1]
    assert (token.name, token.type) == (f"_capsule.{HOST}", "TXT")
    resolver.answers[HOST] = Answers(addresses=frozenset({"198.51.100.7"}), expected=here, texts=frozenset({token.value}))
    elsewhere = await check(capsule, serving)
    assert elsewhere.state == "verified" and "does not lead here" in (elsewhere.problem or "") and authority.orders == []
    resolver.answers[HOST] = Answers(addresses=here, expected=here, texts=frozenset({token.value}))
    assert (await check(capsule, serving)).certificate.source == "acme"


async def test_a_name_belongs_to_the_first_that_proves_it(
    capsule: DeployCapsule, resolver: MemoryResolver, authority: MemoryAuthority, cluster: MemoryDomainObjects
) -> None:
    serving = await capsule.release()
    other = await strangers(capsule, "other")
    squatted = await add(capsule, other, caller=STRANGER)  # reserves nothing
    view = await add(capsule, serving)
    resolver.answers[HOST] = Answers(cname=target(squatted))
    assert (await check(capsule, serving)).state == "pending"  # the record is of another claim
    resolver.answers[HOST] = Answers(cname=target(view))
    assert (await check(capsule, serving)).state == "verified"
    resolver.answers[HOST] = Answers(cname=target(squatted))
    lost = await check(capsule, other, caller=STRANGER)
    assert lost.state == "pending" and "another environment" in (lost.problem or "")
    assert cluster.claims == {HOST: serving.namespace}
    third = await strangers(capsule, "third")
    with pytest.raises(DomainTaken):
        await add(capsule, third, caller=STRANGER)
    with pytest.raises(ApplicationNotFound):
        await show(capsule, serving, caller=STRANGER)


async def test_a_domain_that_leads_elsewhere_for_a_week_is_free(
    capsule: DeployCapsule, resolver: MemoryResolver, authority: MemoryAuthority, cluster: MemoryDomainObjects
) -> None:
    serving = await capsule.release()
    await proven(capsule, resolver, serving)
    resolver.answers[HOST] = Answers(addresses=frozenset({"198.51.100.7"}), expected=frozenset({"192.0.2.1"}))
    lost = await check(capsule, serving)
    assert lost.state == "verified" and lost.lost_at is not None and cluster.claims
    await capsule.advance(days=8)
    assert (await check(capsule, serving)).state == "pending"
    assert len(capsule.events(DomainUnverified)) == 1 and cluster.claims == {} and cluster.objects == {}


async def test_a_resolver_that_is_down_changes_nothing(capsule: DeployCapsule, resolver: MemoryResolver, authority: MemoryAuthority) -> None:
    serving = await capsule.release()
    await proven(capsule, resolver, serving)
    resolver.is_down = True
    view = await check(capsule, serving)
    assert view.state == "verified" and view.lost_at is None and "does not answer" in (view.problem or "")


async def test_redirect_and_hsts_change_at_once(
    capsule: DeployCapsule, resolver: MemoryResolver, authority: MemoryAuthority, cluster: MemoryDomainObjects
) -> None:
    serving = await capsule.release()
    await proven(capsule, resolver, serving)
    change = ChangeDomain(application_id=serving.application_id, host=HOST, redirects=False, hsts_seconds=600)
    await capsule.call(change, caller=OWNER)
    await capsule.settle()
    annotations = (cluster.mapping(HOST) or {})["metadata"]["annotations"]
    assert (annotations["networking.knative.dev/http-protocol"], annotations["local.capsule.dev/hsts"]) == ("Enabled", "max-age=600")
    await capsule.call(ChangeDomain(application_id=serving.application_id, host=HOST, hsts_seconds=None), caller=OWNER)
    await capsule.settle()
    assert "local.capsule.dev/hsts" not in (cluster.mapping(HOST) or {})["metadata"]["annotations"]


@pytest.mark.parametrize("end", ["remove", "environment", "application"])
async def test_what_ends_takes_domain_claim_and_certificate_with_it(
    capsule: DeployCapsule, resolver: MemoryResolver, authority: MemoryAuthority, cluster: MemoryDomainObjects, end: str
) -> None:
    serving = await capsule.release()
    await proven(capsule, resolver, serving)
    if end == "remove":
        await capsule.call(RemoveDomain(application_id=serving.application_id, host=HOST), caller=OWNER)
    elif end == "environment":
        await capsule.delete_environment(serving.application_id, "staging")
    else:
        await capsule.delete(serving.application_id)
    await capsule.settle()
    assert cluster.claims == {} and cluster.objects == {}
    assert [each.host for each in capsule.events(DomainRemoved)] == [HOST]
    assert await capsule.port(ports.Domains).list_of(serving.application_id) == []


@pytest.mark.parametrize(
    ("host", "rejection"),
    [
        ("localhost", InvalidDomain), ("10.0.0.1", InvalidDomain), ("*.example.com", InvalidDomain), ("a..example.com", InvalidDomain),
        ("shop.internal", InvalidDomain), ("-a.example.com", InvalidDomain), ("a b.example.com", InvalidDomain),
        ("xn--a.example.com", InvalidDomain),
        ("hello-staging.apps.example.net", DomainReserved), ("capsule.example.net", DomainReserved),
    ],
)  # fmt: skip
async def test_names_that_nobody_may_have(host: str, rejection: type[Exception]) -> None:
    addresses = {"CAPSULE_APPLICATION_URL": "https://{name}.apps.example.net", "CAPSULE_PUBLIC_URL": "https://capsule.example.net"}
    capsule = DeployCapsule(settings=addresses)
    serving = await capsule.release()
    with pytest.raises(rejection):
        await add(capsule, serving, host)


async def test_an_international_name_is_stored_in_ascii(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    assert (await add(capsule, serving, "bücher.example")).host == "xn--bcher-kva.example"


@pytest.mark.parametrize("name", ["bücher.example", "BÜCHER.example.", "xn--bcher-kva.example", "XN--BCHER-KVA.EXAMPLE"])
async def test_a_domain_is_found_by_any_form_of_its_name(capsule: DeployCapsule, name: str) -> None:
    serving = await capsule.release()
    await add(capsule, serving, "bücher.example")
    found = await capsule.call(GetDomain(application_id=serving.application_id, host=name), caller=OWNER)
    assert found.host == "xn--bcher-kva.example"


async def test_domains_are_limited_and_need_a_release(capsule: DeployCapsule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.deploy.commands.add_domain.MAX_DOMAINS", 2)
    created = await capsule.create("idle")
    with pytest.raises(NothingReleased):
        await capsule.call(AddDomain(application_id=created.id, environment="staging", host=HOST), caller=OWNER)
    serving = await capsule.release()
    await add(capsule, serving)
    with pytest.raises(DomainTaken, match="is a domain of staging of this application already"):
        await add(capsule, serving)
    await add(capsule, serving, "b.example.com")
    with pytest.raises(TooManyDomains):
        await add(capsule, serving, "c.example.com")
    listed = await capsule.call(ListDomains(application_id=serving.application_id), caller=OWNER)
    assert [each.host for each in listed.items] == ["b.example.com", HOST]
    with pytest.raises(DomainNotFound):
        await show(capsule, serving, "c.example.com")
