"""The platform's own certificates: ordered by DNS-01, served by name, renewed early when the authority says so, kept when an order fails."""

import os
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from functions.wire.settings import InvalidSetting
from knative.local.ordered_certificates import OrderedCertificate, OrderState, ordered_certificates
from knative.local.serving.http.certificates import Certificates
from knative.local.settings import Pair
from knative.machine import dns_hook, tls
from knative.machine.doctor import platform_certificates as doctor
from knative.machine.doctor.finding import Level
from knative.machine.home import Home, Ports
from knative.machine.problems import Problem
from knative.platform_certificates.orders import Orders
from tests import pebble as pebble_servers
from tests import renewal_info
from tests.dns_hooks import hook_of, write_hook
from tests.pebble import Pebble
from tests.renewal_info import RenewalInfo
from tests.runtime.harness import free_port

URLS = {
    "CAPSULE_HTTPS": "on",
    "CAPSULE_PUBLIC_URL": "https://capsule.example.org",
    "CAPSULE_DASHBOARD_URL": "https://dashboard.example.org",
    "CAPSULE_APPLICATION_URL": "https://{name}.apps.example.net",
    "CAPSULE_ACME_DIRECTORY": "https://acme.example.org/dir",
    "CAPSULE_DNS_HOOK": "/etc/capsule/dns-hook",
}
NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    with pebble_servers.running(tmp_path_factory.mktemp("pebble"), free_port()) as found:
        yield found


@pytest.fixture
def authority(pebble: Pebble, tmp_path: Path) -> Iterator[RenewalInfo]:
    with renewal_info.running(tmp_path, pebble) as found:
        yield found


def test_names_that_the_operator_brings_certificates_for_are_not_ordered(tmp_path: Path) -> None:
    def names(**settings: str) -> dict[str, tuple[str, ...]]:
        return {each.name: each.hosts for each in ordered_certificates(tmp_path, {**URLS, **settings})}

    platform = ("capsule.example.org", "dashboard.example.org")
    assert names() == {"platform": platform, "applications": ("*.apps.example.net",)}
    assert names(CAPSULE_HTTPS_CERTIFICATE="/a.crt") == {"applications": ("*.apps.example.net",)}
    assert names(CAPSULE_HTTPS_APPLICATION_CERTIFICATE="/a.crt") == {"platform": platform}
    assert names(CAPSULE_DNS_HOOK="") == names(CAPSULE_HTTPS="off") == {}
    assert names(CAPSULE_APPLICATION_URL="") == {"platform": platform}
    with pytest.raises(InvalidSetting, match="CAPSULE_ACME_DIRECTORY is not"):
        names(CAPSULE_ACME_DIRECTORY="")


def test_a_wildcard_is_ordered_served_and_renewed_early(pebble: Pebble, authority: RenewalInfo, tmp_path: Path) -> None:
    home = Home(tmp_path / "home", Ports(0), {})
    tls.ensure_https(home)
    hook = write_hook(tmp_path / "hook", hook_of(pebble))
    settings = {"CAPSULE_ACME_DIRECTORY": authority.directory, "CAPSULE_ACME_CA_BUNDLE": str(authority.ca_bundle), "CAPSULE_DNS_HOOK": str(hook)}
    environment = {**URLS, **settings, "CAPSULE_APPLICATION_URL": "https://{name}.apps.example.net"}
    wildcard = ordered_certificates(home.path, environment)[1]
    machine = Pair(tls.authority(home), home.secrets / "ca.key")
    ingress = Certificates(machine, home.secrets / "https.key", [], [wildcard], lambda name: False, lambda name: None)
    unordered = ingress.find("shop.apps.example.net")

    orders = Orders(environment)
    orders.renew([wildcard])
    first = wildcard.state
    assert first.failure == "" and first.expires_at is not None and first.next_attempt_at is not None
    assert ingress.find("shop.apps.example.net") is not unordered, "it is served from the next connection on"
    assert ingress.find("a.shop.apps.example.net") is unordered, "a wildcard covers one label (RFC 6125 section 6.4.3)"
    assert wildcard.key.stat().st_mode & 0o777 == 0o600
    assert doctor.decide(wildcard, first, datetime.now(UTC)).level is Level.GOOD

    orders.renew([wildcard])
    assert wildcard.state.expires_at == first.expires_at, "it is not due"
    assert len(authority.requests) == 1, "there was a request for renewal information"
    orders.renew([wildcard])
    assert len(authority.requests) == 1, "and none before the authority expects it"

    authority.revoke()
    served = ingress.find("shop.apps.example.net")
    wildcard.store(replace(wildcard.state, renewal_info_at=datetime.now(UTC)))
    before = x509.load_pem_x509_certificate(wildcard.certificate.read_bytes()).serial_number
    orders.renew([wildcard])
    assert x509.load_pem_x509_certificate(wildcard.certificate.read_bytes()).serial_number != before
    assert ingress.find("shop.apps.example.net") is not served

    write_hook(hook, b"#!/bin/sh\nid -u\necho no such zone\nexit 1\n")
    (wildcard.folder / "account.key").unlink()  # another account has no authorization that is valid already
    orders.renew([wildcard], is_forced=True)
    failed = wildcard.state
    assert failed.failures == 1 and "It printed:" in failed.failure and failed.failure.endswith("no such zone")
    if os.geteuid() == 0:
        assert "printed: 0 " not in failed.failure, "the hook is not run by root"
    assert failed.expires_at is not None and isinstance(ingress.find("shop.apps.example.net"), ssl.SSLContext), "the former one stays"
    assert doctor.decide(wildcard, failed, datetime.now(UTC)).level is Level.WARNING


@pytest.mark.parametrize(
    ("state", "level", "text"),
    [
        (OrderState(), Level.FAULT, "There is no certificate for *.apps.example.net yet."),
        (OrderState(failure="The DNS hook exited with 1."), Level.FAULT, "exited with 1"),
        (OrderState(hosts=("*.apps.example.net",), issuer="R11", expires_at=NOW + timedelta(days=60), next_attempt_at=NOW), Level.GOOD, "R11"),
        (OrderState(hosts=("*.apps.example.net",), expires_at=NOW + timedelta(days=9), failure="down"), Level.WARNING, "was not renewed: down"),
        (OrderState(hosts=("*.apps.example.net",), expires_at=NOW - timedelta(days=1), failure="down"), Level.FAULT, "expired on 2026-11-30"),
    ],
)
def test_what_doctor_says(state: OrderState, level: Level, text: str, tmp_path: Path) -> None:
    finding = doctor.decide(OrderedCertificate("applications", ("*.apps.example.net",), tmp_path), state, NOW)
    assert finding.level is level and text in finding.summary


def test_a_stored_state_is_read_back(tmp_path: Path) -> None:
    ordered = OrderedCertificate("applications", ("*.apps.example.net",), tmp_path)
    assert ordered.state == OrderState() and ordered.state.due_at(ordered.hosts) < NOW
    state = OrderState(ordered.hosts, "R11", NOW, NOW + timedelta(days=90), NOW, NOW + timedelta(days=60), NOW + timedelta(hours=6), 0, "")
    ordered.store(state)
    assert ordered.state == state
    assert state.due_at(ordered.hosts) == NOW + timedelta(hours=6)
    assert state.due_at(("*.other.example.net",)) < NOW, "other names: at once"


def test_a_hook_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    hook = write_hook(tmp_path / "hook", b"#!/bin/sh\n")
    home = Home(tmp_path, Ports(0), {**URLS, "CAPSULE_DNS_HOOK": str(hook)})
    dns_hook.check(home)
    for change, reason in (
        (lambda: hook.write_bytes(b"echo"), "is no program"),
        (lambda: hook.chmod(0o722), "can be changed by others"),
        (lambda: hook.chmod(0o600), "is not executable"),
        (lambda: hook.unlink(), "does not exist"),
    ):
        change()
        with pytest.raises(Problem, match=reason):
            dns_hook.check(home)
    with pytest.raises(Problem, match="CAPSULE_ACME_DIRECTORY is not"):
        dns_hook.check(Home(tmp_path, Ports(0), {"CAPSULE_DNS_HOOK": str(hook)}))
