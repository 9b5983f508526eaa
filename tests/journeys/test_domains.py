"""Domains of a whole Capsule with certificates of a real ACME directory: redirects and HSTS, a renewal under load, and a directory that fails.

The directory's certificates live for two minutes, so they are renewed while the test watches.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from knative.machine import repositories
from knative.machine.home import LOOPBACK
from tests.journeys.own_domain import DomainVisitor, add_domain, wait_for_certificate, whole_with_domains
from tests.journeys.people import Person
from tests.journeys.whole import Json, Whole, until
from tests.pebble import Pebble
from tests.proof import proof

pytestmark = proof("domains")
HOST = "shop.example.com"
VALIDITY_SECONDS = 120
DAMAGED = ("127.0.0.7", "The certificate authority could not validate the domain")
"""An address at which nothing answers challenges."""


@dataclass
class Site:
    whole: Whole
    pebble: Pebble
    ada: Person
    application: Json
    domain: str

    @property
    def visitor(self) -> DomainVisitor:
        return DomainVisitor(self.whole, HOST, self.pebble.root())

    def issue_when_due(self) -> Json:
        """The next certificate. Housekeeping orders it within ten minutes; a check by the user at once."""
        current = self.ada.get(self.domain)["certificate"]
        until(lambda: datetime.now(UTC) > datetime.fromisoformat(current["nextAttemptAt"]), VALIDITY_SECONDS, "until it is due", every=1)
        self.ada.post(f"{self.domain}/checks", {}, 202)
        return wait_for_certificate(self.ada, self.domain, after=current["issuedAt"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with whole_with_domains(tmp_path_factory.mktemp("pebble"), VALIDITY_SECONDS) as (whole, pebble):
        ada = Person(whole, timeout_seconds=30).become_a_user()
        application = ada.create(whole.repository("shop", repositories.sample("hello")).url)
        ended = ada.deploy(application)
        assert ended["status"] == "succeeded", ended
        site = Site(whole, pebble, ada, application, add_domain(ada, application, "staging", HOST, pebble))
        until(lambda: site.visitor.plain("/").status_code == 308, why="for the certificate at the ingress")
        yield site


@contextmanager
def handshakes(visitor: DomainVisitor) -> Iterator[list[int | OSError]]:
    """Visitors who connect without a pause. Yields the serial numbers of the certificates that they verified, and what failed."""
    results: list[int | OSError] = []
    ends = threading.Event()

    def visit() -> None:
        while not ends.is_set():
            try:
                results.append(visitor.serial_number())
            except OSError as error:
                results.append(error)

    threads = [threading.Thread(target=visit) for _ in range(3)]
    for each in threads:
        each.start()
    try:
        yield results
    finally:
        ends.set()
        for each in threads:
            each.join()


@contextmanager
def requests_on(connection: http.client.HTTPConnection) -> Iterator[list[int | Exception]]:
    """A visitor who sends a request every second on one connection. Yields the statuses, and what failed."""
    answers: list[int | Exception] = []
    ends = threading.Event()

    def visit() -> None:
        while not ends.wait(1):
            try:
                connection.request("GET", "/")
                response = connection.getresponse()
                response.read()
                answers.append(response.status)
            except (OSError, http.client.HTTPException) as error:
                answers.append(error)

    thread = threading.Thread(target=visit)
    thread.start()
    try:
        yield answers
    finally:
        ends.set()
        thread.join()


def change(site: Site, **settings: object) -> None:
    answer = site.ada.patiently("PATCH", site.domain, settings)
    assert answer.status_code == 200, answer.text


def test_http_leads_to_https_and_hsts_is_sent_when_it_is_set(site: Site) -> None:
    visitor = site.visitor
    moved = visitor.plain("/page?a=1")
    assert (moved.status_code, moved.headers["location"]) == (308, f"https://{HOST}:{site.whole.home.ports.domains_https}/page?a=1")
    assert "strict-transport-security" not in visitor.get("/").headers
    change(site, hstsSeconds=600)
    until(lambda: visitor.get("/").headers.get("strict-transport-security") == "max-age=600", why="for HSTS")
    change(site, redirects=False, hstsSeconds=None)
    until(lambda: visitor.plain("/").status_code == 200, why="for plain HTTP")
    assert "strict-transport-security" not in visitor.get("/").headers


def test_a_certificate_is_renewed_under_load_without_a_failed_handshake(site: Site) -> None:
    visitor = site.visitor
    with socket.create_connection((LOOPBACK, site.whole.home.ports.domains_https)) as plain:
        connection = http.client.HTTPConnection(HOST)
        connection.sock = visitor.context().wrap_socket(plain, server_hostname=HOST)
        with handshakes(visitor) as results, requests_on(connection) as answers:
            until(lambda: len(results) > 20, why="for handshakes")
            site.issue_when_due()
            before = results[0]
            until(lambda: results[-1] != before, why="for the new certificate at the ingress")
            time.sleep(2)
    assert len(answers) > 5 and set(answers) == {200}, "a connection goes on with the certificate that it began with"
    failed = [each for each in results if isinstance(each, OSError)]
    assert failed == [] and len(set(results)) == 2, (len(results), failed[:3])
    print(f"{len(results)} handshakes, none failed")


def test_a_directory_that_is_down_is_named_and_the_site_stays(site: Site) -> None:
    visitor = site.visitor
    site.pebble.stop_directory()
    try:
        failure = failed_order(site, "second.example.com")
        assert "The certificate authority cannot be reached" in failure["failure"] and failure["nextAttemptAt"]
        answer = DomainVisitor(site.whole, "second.example.com", "").plain("/")
        assert answer.status_code == 200, "served without a certificate meanwhile"
        assert visitor.get("/").status_code == 200
    finally:
        site.pebble.start_directory()
    with pytest.raises(ssl.SSLCertVerificationError):  # the directory was replaced: it has another root
        site.visitor.serial_number()


def test_a_challenge_that_fails_is_explained_and_the_next_order_succeeds(site: Site) -> None:
    """The account is unknown to the directory that was replaced: Capsule registers again."""
    address, reason = DAMAGED
    failure = failed_order(site, "third.example.com", address)
    assert reason in failure["failure"] and address in failure["failure"], failure
    removed = site.ada.patiently("DELETE", f"/v1/apps/{site.application['id']}/domains/third.example.com")
    assert removed.status_code in (200, 202, 204), removed.text
    add_domain(site.ada, site.application, "staging", "third.example.com", site.pebble)
    third = DomainVisitor(site.whole, "third.example.com", site.pebble.root())
    until(lambda: third.plain("/").status_code == 308, why="for the certificate at the ingress")
    assert third.get("/").status_code == 200


def failed_order(site: Site, host: str, address: str | None = None) -> Json:
    """Add a domain of which no certificate can be issued. Returns its certificate with the reason. `address`: what its CNAME leads to meanwhile."""
    base = f"/v1/apps/{site.application['id']}"
    added = site.ada.post(f"{base}/environments/staging/domains", {"host": host}, 201)
    (record,) = [each for each in added["records"] if each["type"] == "CNAME"]
    site.pebble.set_record("set-cname", record["name"], target=f"{record['value']}.")
    if address is not None:
        site.pebble.set_record("add-a", record["value"], addresses=[address])
    site.ada.post(f"{base}/domains/{host}/checks", {}, 202)
    until(lambda: site.ada.get(f"{base}/domains/{host}")["certificate"]["failure"], 90, "for the failed order", every=0.5)
    if address is not None:
        site.pebble.set_record("clear-a", record["value"])
    found = site.ada.get(f"{base}/domains/{host}")
    assert found["state"] == "verified"
    certificate: Json = found["certificate"]
    return certificate


def test_a_delegated_domain_has_its_certificate_before_it_leads_here(site: Site) -> None:
    """The function that orders runs the operator's hook, in its own view of the machine."""
    host = "moving.example.com"
    base = f"/v1/apps/{site.application['id']}"
    added = site.ada.post(f"{base}/environments/staging/domains", {"host": host}, 201)
    (proof_record,) = [each for each in added["records"] if each["type"] == "TXT"]
    site.pebble.set_record("set-txt", proof_record["name"], value=proof_record["value"])
    site.pebble.set_record("add-a", host, addresses=["127.0.0.9"])
    site.pebble.set_record("set-cname", added["challenge"]["name"], target=f"{added['challenge']['value']}.")
    site.ada.post(f"{base}/domains/{host}/checks", {}, 202)
    wait_for_certificate(site.ada, f"{base}/domains/{host}")
    view = site.ada.get(f"{base}/domains/{host}")
    assert (view["isDelegated"], view["isPointedHere"], view["certificate"]["source"]) == (True, False, "acme"), view
    visitor = DomainVisitor(site.whole, host, site.pebble.root())
    until(lambda: visitor.plain("/").status_code == 308, why="for the certificate at the ingress")
    assert visitor.get("/").status_code == 200
