"""A whole Capsule with domains that get certificates from a real ACME directory, and visitors of a domain who verify its certificate."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from cryptography import x509

from knative.machine.home import LOOPBACK
from tests import pebble as pebble_servers
from tests.dns_hooks import hook_of, write_hook
from tests.journeys.people import Person
from tests.journeys.whole import Json, Whole, until
from tests.pebble import Pebble
from tests.servers import discard, fresh_home


@dataclass
class DomainVisitor:
    """Opens `https://host`, as a browser that trusts the directory does. `trusted`: PEM."""

    whole: Whole
    host: str
    trusted: str

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.trusted)

    def client(self) -> httpx.Client:
        address = f"https://{LOOPBACK}:{self.whole.home.ports.domains_https}"
        return httpx.Client(base_url=address, verify=self.context(), headers={"Host": self.host}, timeout=60, trust_env=False)

    def send(self, client: httpx.Client, method: str, path: str, **options: object) -> httpx.Response:
        return client.request(method, path, extensions={"sni_hostname": self.host}, **options)  # type: ignore[arg-type]

    def get(self, path: str) -> httpx.Response:
        with self.client() as client:
            return self.send(client, "GET", path)

    def plain(self, path: str) -> httpx.Response:
        """Over HTTP."""
        target = f"http://{LOOPBACK}:{self.whole.home.ports.domains_http}{path}"
        return httpx.get(target, headers={"Host": self.host}, timeout=60, trust_env=False)

    def serial_number(self) -> int:
        """Of the certificate that is served and verified. Raises OSError."""
        address = (LOOPBACK, self.whole.home.ports.domains_https)
        with socket.create_connection(address, timeout=30) as plain, self.context().wrap_socket(plain, server_hostname=self.host) as connection:
            certificate = connection.getpeercert(binary_form=True)
        assert certificate is not None
        return x509.load_der_x509_certificate(certificate).serial_number


@contextmanager
def whole_with_domains(folder: Path, validity_seconds: int = 7_776_000) -> Iterator[tuple[Whole, Pebble]]:
    """`validity_seconds`: of the directory's certificates."""
    home = fresh_home("capsule-domains-")
    try:
        with pebble_servers.running(folder, home.ports.domains_http, validity_seconds) as pebble:
            settings = {
                "CAPSULE_ACME_DIRECTORY": pebble.directory,
                "CAPSULE_ACME_CA_BUNDLE": str(pebble.ca_bundle),
                "CAPSULE_ACME_CONTACT": "operator@example.org",
                "CAPSULE_DNS_RESOLVER": f"{LOOPBACK}:{pebble.dns}",
                "CAPSULE_DNS_HOOK": str(write_hook(folder / "dns-hook", hook_of(pebble))),
            }
            whole = Whole(replace(home, environment={**home.environment, **settings}))
            whole.up()
            yield whole, pebble
    finally:
        discard(home)


def add_domain(person: Person, application: Json, environment: str, host: str, pebble: Pebble) -> str:
    """Add a domain, create the CNAME record that the answer names, and wait for its certificate. Returns the path of the domain."""
    base = f"/v1/apps/{application['id']}"
    added = person.post(f"{base}/environments/{environment}/domains", {"host": host}, 201)
    path = f"{base}/domains/{host}"
    until(lambda: "CNAME" in (person.get(path)["problem"] or ""), why="for the first check, which finds nothing")
    (record,) = [each for each in added["records"] if each["type"] == "CNAME"]
    pebble.set_record("set-cname", record["name"], target=f"{record['value']}.")
    person.post(f"{path}/checks", {}, 202)
    until(lambda: person.get(path)["state"] == "verified", why="for the proof of ownership")
    wait_for_certificate(person, path)
    return path


def wait_for_certificate(person: Person, path: str, after: str | None = None) -> Json:
    """The certificate of a domain, when it is another than the one that was issued at `after`. It fails with the reason of a failed order."""

    def look() -> Json | None:
        certificate: Json = person.get(path)["certificate"]
        assert certificate["failure"] is None, certificate
        return certificate if certificate["issuedAt"] not in (None, after) else None

    return until(look, 90, "for the certificate", every=0.5) or {}
