"""Certificates of domains: by DNS-01 where challenges are delegated, renewed early when the authority says so, own ones with a warning."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import AuthorityInformationAccessOID

from events.domains import DomainCertificateExpiring
from functions.deploy import ports
from functions.deploy.adapters.x509_certificates import X509Certificates
from functions.deploy.commands.set_domain_certificate import SetDomainCertificate
from functions.deploy.domain.dns_records import Answers
from functions.deploy.domain.domain_rejections import InvalidCertificate
from functions.deploy.ports import OrderFailed
from knative.certificates import issue, new_authority, new_key, pem
from tests.certificates import DAY, Authority
from tests.deploy.deploy_capsule import OWNER, DeployCapsule
from tests.deploy.domain_world import HOST, add, authority, check, proven, resolver, show
from tests.memory.deploy_domains import MemoryAuthority, MemoryRenewalInfo, MemoryResolver

__all__ = ["authority", "resolver"]


@pytest.fixture
def renewal_info(capsule: DeployCapsule) -> MemoryRenewalInfo:
    found: MemoryRenewalInfo = capsule.port(ports.RenewalInfo)
    return found


async def pass_ten_minutes(capsule: DeployCapsule, authority: MemoryAuthority) -> None:
    await capsule.advance(minutes=10)
    authority.now = capsule.clock.now()
    await capsule.housekeeping()
    await capsule.settle()


async def test_a_certificate_is_renewed_early_when_the_authority_revokes_it(
    capsule: DeployCapsule, resolver: MemoryResolver, authority: MemoryAuthority, renewal_info: MemoryRenewalInfo
) -> None:
    serving = await capsule.release()
    first = await proven(capsule, resolver, serving)
    renewal_info.ask_at = capsule.clock.now() + timedelta(hours=6)
    await pass_ten_minutes(capsule, authority)
    await pass_ten_minutes(capsule, authority)
    assert len(renewal_info.chains) == 1 and len(authority.orders) == 1, "one request, until the authority expects the next"

    await capsule.advance(hours=6)
    renewal_info.suggested_at, renewal_info.ask_at = capsule.clock.now() - DAY, capsule.clock.now() + timedelta(hours=6)
    await pass_ten_minutes(capsule, authority)
    renewed = await show(capsule, serving)
    assert len(authority.orders) == 2 and renewed.certificate.issued_at > first.certificate.issued_at  # type: ignore[operator]
    renewal_info.suggested_at = None
    await pass_ten_minutes(capsule, authority)
    assert len(renewal_info.chains) == 3 and len(set(renewal_info.chains)) == 2, "the second request is about the new one"


async def test_an_authority_that_does_not_answer_is_asked_again_after_hours(
    capsule: DeployCapsule, resolver: MemoryResolver, authority: MemoryAuthority, renewal_info: MemoryRenewalInfo
) -> None:
    await proven(capsule, resolver, await capsule.release())
    renewal_info.failure = OrderFailed("The certificate authority cannot be reached.")
    for _ in range(30):
        await pass_ten_minutes(capsule, authority)
    assert len(renewal_info.chains) == 1 and len(authority.orders) == 1


async def test_a_delegated_domain_has_its_certificate_before_it_leads_here() -> None:
    capsule = DeployCapsule(settings={"CAPSULE_DNS_CHALLENGES": "on"})
    found, issuer = capsule.port(ports.Resolver), capsule.port(ports.CertificateAuthority)
    issuer.now = capsule.clock.now()
    serving = await capsule.release()
    view = await add(capsule, serving)
    assert view.challenge is not None and view.challenge.name == f"_acme-challenge.{HOST}"
    label, _, domain = view.records[0].value.partition(".")
    assert view.challenge.value == f"{label}._acme-challenge.{domain}", "not below the CNAME's target, which must keep its address"

    elsewhere = Answers(addresses=frozenset({"198.51.100.7"}), expected=frozenset({"192.0.2.1"}), texts=frozenset({view.records[1].value}))
    found.answers[HOST] = elsewhere
    waiting = await check(capsule, serving)
    assert waiting.state == "verified" and not waiting.is_delegated and issuer.orders == []
    found.answers[HOST] = Answers(**{**_fields(elsewhere), "challenge_cname": view.challenge.value})
    ready = await check(capsule, serving)
    assert (ready.is_delegated, ready.is_pointed_here, ready.certificate.source) == (True, False, "acme")
    assert issuer.challenge_names == [view.challenge.value]


async def test_without_a_hook_the_record_of_challenges_means_nothing(
    capsule: DeployCapsule, resolver: MemoryResolver, authority: MemoryAuthority
) -> None:
    serving = await capsule.release()
    view = await add(capsule, serving)
    label, _, domain = view.records[0].value.partition(".")
    resolver.answers[HOST] = Answers(texts=frozenset({view.records[1].value}), challenge_cname=f"{label}._acme-challenge.{domain}")
    checked = await check(capsule, serving)
    assert (checked.challenge, checked.is_delegated, checked.state) == (None, False, "verified") and authority.orders == []


def _fields(answers: Answers) -> dict[str, object]:
    return {name: getattr(answers, name) for name in ("addresses", "expected", "texts")}


async def test_the_owner_of_an_uploaded_certificate_is_warned_once_before_it_ends(
    capsule: DeployCapsule, resolver: MemoryResolver, authority: MemoryAuthority
) -> None:
    serving = await capsule.release()
    await proven(capsule, resolver, serving)
    chain, key = await authority.order(HOST, ports.Account("", ""))
    body = {"application_id": serving.application_id, "host": HOST, "certificate": chain, "key": key}
    await capsule.call(SetDomainCertificate.model_validate(body), caller=OWNER)
    await capsule.advance(days=70)
    await check(capsule, serving)
    assert capsule.events(DomainCertificateExpiring) == []
    for _ in range(3):
        await capsule.advance(days=3)
        await check(capsule, serving)
    [event] = capsule.events(DomainCertificateExpiring)
    assert (event.host, event.issuer) == (HOST, "Memory authority")


def test_an_incomplete_or_broken_chain_is_refused() -> None:
    reader, now = X509Certificates(), datetime.now(UTC)
    root = Authority()
    intermediate, signer = root.intermediate()
    key = new_key()
    leaf = issue(intermediate, signer, key.public_key(), [HOST], now, DAY)
    published = _publish_issuer(leaf, signer, "http://ca.example.com/intermediate.der")
    reader.require_complete(pem(leaf).decode())  # nobody can tell: a private authority does not say where its certificates are
    with pytest.raises(InvalidCertificate, match=r"incomplete: the certificate of Intermediate is missing. Append it, in PEM: http://ca.example.com"):
        reader.require_complete(pem(published).decode())
    complete = (pem(published) + pem(intermediate)).decode()
    reader.read(HOST, complete, pem(key).decode(), now)
    reader.require_complete(complete)

    impostor_key = new_key()
    impostor = new_authority("Intermediate", impostor_key, now, DAY)
    with pytest.raises(InvalidCertificate, match="broken: the certificate of Intermediate in it has not signed"):
        reader.read(HOST, (pem(leaf) + pem(impostor)).decode(), pem(key).decode(), now)
    with pytest.raises(InvalidCertificate, match="out of order"):
        reader.read(HOST, (pem(leaf) + pem(root.root)).decode(), pem(key).decode(), now)


def _publish_issuer(certificate: x509.Certificate, signer: object, url: str) -> x509.Certificate:
    """The same certificate with the address of its issuer's."""
    access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(url))
    builder = x509.CertificateBuilder().subject_name(certificate.subject).issuer_name(certificate.issuer).public_key(certificate.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(certificate.not_valid_before_utc)
    builder = builder.not_valid_after(certificate.not_valid_after_utc)
    for each in certificate.extensions:
        builder = builder.add_extension(each.value, each.critical)
    return builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False).sign(signer, hashes.SHA256())  # type: ignore[arg-type]
