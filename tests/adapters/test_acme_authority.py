"""Certificates and DNS of real servers: pebble validates over the real ingress, and the resolver asks a real DNS server."""

import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from functions.deploy.adapters.acme_authority import AcmeAuthority
from functions.deploy.adapters.dns_resolver import DnsResolver
from functions.deploy.adapters.x509_certificates import X509Certificates
from functions.deploy.domain.dns_records import DnsRecords, Proof, find
from functions.deploy.domain.domain_rejections import InvalidCertificate
from functions.deploy.ports import OrderFailed, ResolverUnavailable
from functions.runtime.config.settings import Settings
from knative.local.serving.domains import Domain
from knative.local.serving.http.upstreams import Upstreams
from knative.local.serving.ingress import Ingress
from knative.local.serving.routing import Routing, RoutingTable
from tests import pebble as pebble_servers
from tests.certificates import DAY, Authority
from tests.pebble import LOOPBACK, Pebble
from tests.runtime.harness import free_port

HOST = "shop.example.com"
ACCOUNT = X509Certificates().new_account()


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    with pebble_servers.running(tmp_path_factory.mktemp("pebble"), free_port()) as found:
        yield found


@pytest.fixture
def settings(pebble: Pebble) -> Settings:
    return Settings(
        {
            "CAPSULE_ACME_DIRECTORY": pebble.directory,
            "CAPSULE_ACME_CA_BUNDLE": str(pebble.ca_bundle),
            "CAPSULE_ACME_CONTACT": "ops@example.org",
            "CAPSULE_DNS_RESOLVER": f"{LOOPBACK}:{pebble.dns}",
        }
    )


@pytest.fixture
async def table(pebble: Pebble) -> AsyncIterator[RoutingTable]:
    """Of an ingress at the port where pebble looks for challenges."""

    async def no_pod(port: int) -> socket.socket:
        raise ConnectionRefusedError

    table = RoutingTable()
    listening = socket.create_server((LOOPBACK, pebble.http_port))
    ingress = Ingress(cast(Routing, SimpleNamespace(table=table)), Upstreams(no_pod), 0, open_port=lambda _: listening)
    await ingress.start()
    yield table
    await ingress.stop()


async def test_a_certificate_is_issued_over_the_ingress(pebble: Pebble, settings: Settings, table: RoutingTable, tmp_path: Path) -> None:
    table.domains.put(Domain(HOST, "app-shop", "shop-staging", thumbprint=ACCOUNT.thumbprint))
    authority = AcmeAuthority(settings)
    chain, key = await authority.order(HOST, ACCOUNT)
    facts = X509Certificates().read(HOST, chain, key, datetime.now(UTC))
    assert facts.issuer.startswith("Pebble Intermediate") and facts.issued_at is not None and facts.expires_at is not None
    (tmp_path / "root").write_text(pebble.root())
    ssl.create_default_context(cafile=str(tmp_path / "root")).verify_mode = ssl.CERT_REQUIRED
    again, other_key = await authority.order(HOST, ACCOUNT)  # the account is known
    assert again != chain and other_key != key


async def test_a_name_that_is_not_served_here_is_refused_with_the_reason(settings: Settings, table: RoutingTable) -> None:
    with pytest.raises(OrderFailed, match=r"could not validate the domain: .*elsewhere.example.com"):
        await AcmeAuthority(settings).order("elsewhere.example.com", ACCOUNT)


async def test_a_directory_that_is_down_says_so(pebble: Pebble, settings: Settings, tmp_path: Path) -> None:
    down = Settings({"CAPSULE_ACME_DIRECTORY": f"https://localhost:{free_port()}/dir", "CAPSULE_ACME_CA_BUNDLE": str(pebble.ca_bundle)})
    with pytest.raises(OrderFailed, match="cannot be reached"):
        await AcmeAuthority(down).order(HOST, ACCOUNT)
    Authority("another").trust(tmp_path)
    untrusted = Settings({"CAPSULE_ACME_DIRECTORY": pebble.directory, "CAPSULE_ACME_CA_BUNDLE": str(tmp_path / "root.crt")})
    with pytest.raises(OrderFailed, match=r"cannot be reached.*CERTIFICATE_VERIFY_FAILED"):
        await AcmeAuthority(untrusted).order(HOST, ACCOUNT)


async def test_the_resolver_finds_records(pebble: Pebble, settings: Settings) -> None:
    records = DnsRecords("www.example.net", "capsule-token.apps.example.org", "token")
    resolver = DnsResolver(settings)
    assert find(records, await resolver.look_up(records)).proof is None
    pebble.set_record("set-txt", records.txt_name, value=records.txt_value)
    found = find(records, await resolver.look_up(records))
    assert (found.proof, found.answers.addresses) == (Proof.TXT, frozenset({"127.0.0.1"}))
    pebble.set_record("set-cname", records.host, target=f"{records.target}.")
    assert find(records, await resolver.look_up(records)).proof is Proof.CNAME
    with pytest.raises(ResolverUnavailable):
        await DnsResolver(Settings({"CAPSULE_DNS_RESOLVER": f"{LOOPBACK}:{free_port()}"})).look_up(records)


def test_certificates_that_clients_would_refuse_are_refused(tmp_path: Path) -> None:
    authority, reader, now = Authority(), X509Certificates(), datetime.now(UTC)

    def pair(*names: str, **options: object) -> tuple[str, str]:
        certificate, key = authority.write(tmp_path, *names, **options)  # type: ignore[arg-type]
        return certificate.read_text(), key.read_text()

    assert reader.read(HOST, *pair("*.example.com"), now).issuer == "Test authority"
    for wrong, reason in (
        (pair("example.com"), "does not cover shop.example.com: it covers example.com"),
        (pair(HOST, begins=-20 * DAY, lifetime=10 * DAY), "expired on"),
        (pair(HOST, begins=DAY), "is not valid before"),
        ((pair(HOST)[0] + pair("other.example.com")[0], pair(HOST)[1]), "not the one of the certificate"),
    ):
        with pytest.raises(InvalidCertificate, match=reason):
            reader.read(HOST, *wrong, now)
