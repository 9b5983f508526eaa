"""Certificates by DNS-01: pebble reads TXT records that an operator's hook creates, and renews early when it says so (RFC 9773)."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.exception
import dns.resolver
import pytest

from functions.deploy.adapters.acme_directory import AcmeDirectory, TxtChallenges
from functions.deploy.adapters.dns_hook import DnsHook, HookFailed
from functions.deploy.adapters.x509_certificates import X509Certificates
from functions.deploy.ports import OrderFailed
from tests import pebble as pebble_servers
from tests.dns_hooks import hook_of
from tests.pebble import LOOPBACK, Pebble
from tests.runtime.harness import free_port

WILDCARD = "*.apps.example.com"
RECORD = "_acme-challenge.apps.example.com"
ACCOUNT = X509Certificates().new_account()


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    with pebble_servers.running(tmp_path_factory.mktemp("pebble"), free_port()) as found:
        yield found


@pytest.fixture
def directory(pebble: Pebble) -> AcmeDirectory:
    return AcmeDirectory(pebble.directory, "ops@example.org", str(pebble.ca_bundle))


def texts(pebble: Pebble, name: str) -> list[str]:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [LOOPBACK], pebble.dns
    try:
        return [b"".join(each.strings).decode() for each in resolver.resolve(name, "TXT")]
    except dns.exception.DNSException:
        return []


def test_a_wildcard_and_its_records(pebble: Pebble, directory: AcmeDirectory) -> None:
    chain, key = directory.order([WILDCARD], ACCOUNT.key, TxtChallenges(DnsHook(hook_of(pebble)), {}))
    assert X509Certificates().read("shop--staging.apps.example.com", chain, key, datetime.now(UTC)).issuer.startswith("Pebble")
    assert texts(pebble, RECORD) == [], "the record of the challenge is deleted"


def test_a_record_at_another_name_answers_for_a_host_that_leads_there(pebble: Pebble, directory: AcmeDirectory) -> None:
    """RFC 8555 section 8.4: the validation follows CNAME records, so the owner of a domain delegates one name."""
    pebble.set_record("set-cname", "_acme-challenge.shop.example.org", target="capsule-1.apps.example.com.")
    challenges = TxtChallenges(DnsHook(hook_of(pebble)), {"shop.example.org": "capsule-1.apps.example.com"})
    chain, key = directory.order(["shop.example.org"], ACCOUNT.key, challenges)
    assert X509Certificates().read("shop.example.org", chain, key, datetime.now(UTC)).issuer


def test_a_hook_that_fails_is_quoted_to_the_operator_only(pebble: Pebble, directory: AcmeDirectory) -> None:
    hook = DnsHook(b"#!/bin/sh\necho no such zone: token s3cret >&2\nexit 3\n")
    hosts = ["*.broken.example.com"]
    with pytest.raises(OrderFailed) as of_operators:
        directory.order(hosts, ACCOUNT.key, TxtChallenges(hook, {}, shows_output=True))
    expected = "The DNS hook exited with 3: present _acme-challenge.broken.example.com."
    assert str(of_operators.value) == f"{expected} It printed: no such zone: token s3cret"
    with pytest.raises(OrderFailed) as of_owners:
        directory.order(hosts, ACCOUNT.key, TxtChallenges(hook, {}))
    assert str(of_owners.value) == expected


def test_a_hook_that_creates_nothing_is_explained_by_the_authority(directory: AcmeDirectory) -> None:
    with pytest.raises(OrderFailed, match=r"could not validate the domain: .*TXT"):
        directory.order(["*.idle.example.com"], ACCOUNT.key, TxtChallenges(DnsHook(b"#!/bin/sh\nexit 0\n"), {}))


def test_what_a_hook_gets_and_that_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPSULE_SECRET", "s3cret")
    output = tmp_path / "output"
    program = f'#!/bin/sh\n{{ echo "$@"; pwd; env; ls /proc/self/fd; read line || echo no input; }} >{output}\n'.encode()
    DnsHook(program).present("name.example", "value")
    lines = output.read_text().splitlines()
    assert lines[:2] == ["present name.example value", "/"] and lines[-1] == "no input"
    assert {each.partition("=")[0] for each in lines if "=" in each} <= {"PATH", "LANG", "HOME", "PWD", "SHLVL", "_", "OLDPWD"} | set(os.environ)
    assert not any("s3cret" in each for each in lines)

    pid_file = tmp_path / "pid"
    stuck = DnsHook(f"#!/bin/sh\nsleep 600 & echo $! >{pid_file}\nwait\n".encode(), present_seconds=0.5)
    with pytest.raises(HookFailed, match=r"did not end within 0.5 s: present name.example"):
        stuck.present("name.example", "value")
    deadline = time.monotonic() + 10
    while _runs(int(pid_file.read_text())):
        assert time.monotonic() < deadline, "what the hook started ends with it"
        time.sleep(0.02)
    for program, reason in ((b"hello", "begins neither with #!"), (b"#!/no/such/program\n", "cannot be started")):
        with pytest.raises(HookFailed, match=reason):
            DnsHook(program).present("name.example", "value")


def _runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_a_directory_without_renewal_information_says_nothing(pebble: Pebble, directory: AcmeDirectory) -> None:
    chain, _ = directory.order([WILDCARD], ACCOUNT.key, TxtChallenges(DnsHook(hook_of(pebble)), {}))
    suggested_at, ask_at = directory.renewal_info(chain)
    assert suggested_at is None and ask_at > datetime.now(UTC) + timedelta(hours=1)
