"""What `doctor` concludes from what it read. Each decision is tested by itself; `test_run` runs all checks."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.runtime.config.registry import wiring_of
from knative.machine.doctor import at_rest, certificates, domains, keys, mail, network, programs, resources, service, stored
from knative.machine.doctor.finding import Finding, Level
from knative.machine.doctor.keys import KeySet
from knative.machine.doctor.programs import Kernel
from knative.machine.doctor.resources import Disk
from knative.machine.doctor.stored import Waiting
from knative.machine.doctor.volumes import Mount, State, Volume
from knative.machine.home import CONTEXTS

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
GIB = 1 << 30
GOOD, NOTE, WARNING, FAULT = Level.GOOD, Level.NOTE, Level.WARNING, Level.FAULT


def expect(finding: Finding, level: Level, text: str) -> None:
    assert finding.level is level and text in f"{finding.summary} {finding.remedy}", finding
    assert finding.remedy or level in (GOOD, NOTE), "a warning or fault without what to do"


@pytest.mark.parametrize(
    ("python", "missing", "level", "text"),
    [((3, 11), [], GOOD, "RabbitMQ 3.12.1"), ((3, 10), [], FAULT, "too old"), ((3, 12), ["bubblewrap"], FAULT, "bubblewrap")],
)
def test_programs(python: tuple[int, ...], missing: list[str], level: Level, text: str) -> None:
    expect(programs.decide_programs(python, missing, {"RabbitMQ": "3.12.1"}), level, text)


@pytest.mark.parametrize(
    ("kernel", "levels"),
    [
        (Kernel("6.1.0-amd64", programs.CONTROLLERS | {"io"}, 15000, False, False), []),
        (Kernel("5.10.0", programs.CONTROLLERS, 15000, False, True), [WARNING]),
        (Kernel("6.1", frozenset(), 15000, False, True), [WARNING]),
        (Kernel("6.1", frozenset(("cpu", "pids")), 15000, False, True), [WARNING]),
        (Kernel("6.8", programs.CONTROLLERS, 0, False, True), [FAULT]),
        (Kernel("6.8", programs.CONTROLLERS, 15000, True, False), [FAULT]),
        (Kernel("6.8", programs.CONTROLLERS, 15000, True, True), []),
    ],
)
def test_kernel(kernel: Kernel, levels: list[Level]) -> None:
    assert [each.level for each in programs.decide_kernel(kernel)] == levels


def test_isolation() -> None:
    expect(programs.decide_isolation("single-tenant mode: no namespaces"), WARNING, "whom you trust")
    expect(programs.decide_isolation("containers have own users"), GOOD, "own users")


def test_ports() -> None:
    ports = {"gateway": 3000, "ingress": 7080}
    expect(network.decide_ports({"gateway": "", "ingress": None}, ports), GOOD, "1 in use by Capsule, 1 free")
    expect(network.decide_ports({"gateway": "nginx (pid 1, user root)", "ingress": ""}, ports), FAULT, "3000 (gateway) by nginx")


@pytest.mark.parametrize(
    ("address", "ports", "closed", "issuer", "level", "text"),
    [
        ("127.0.0.1", (7083, 7084), (), "", NOTE, "this machine only"),
        ("0.0.0.0", (80, 443), (), "https://acme.example/directory", GOOD, "certificates of https://acme.example/directory"),
        ("::", (80, 443), (), "", NOTE, "CAPSULE_ACME_DIRECTORY"),
        ("0.0.0.0", (7083, 7084), (), "https://acme.example/directory", WARNING, "use 80 and 443"),
        ("0.0.0.0", (80, 443), (80, 443), "", FAULT, "CAP_NET_BIND_SERVICE"),
    ],
)
def test_domains(address: str, ports: tuple[int, int], closed: tuple[int, ...], issuer: str, level: Level, text: str) -> None:
    titles = dict(zip(domains.WELL_KNOWN, ports, strict=True))
    (finding,) = domains.decide(domains.PublicPorts(address, titles, closed, issuer))
    expect(finding, level, text)


@pytest.mark.parametrize(
    ("disk", "level", "text"),
    [
        (Disk("/c", 50 * GIB, 100 * GIB, 5 * GIB, 900, 1000, True), GOOD, "900 inodes"),
        (Disk("/c", 50 * GIB, 100 * GIB, 5 * GIB, 0, 0, True), GOOD, "free"),
        (Disk("/c", GIB // 4, 100 * GIB, 5 * GIB, 900, 1000, True), FAULT, "512 MiB"),
        (Disk("/c", 4 * GIB, 100 * GIB, 5 * GIB, 900, 1000, True), FAULT, "reserve"),
        (Disk("/c", 50 * GIB, 100 * GIB, 5 * GIB, 49, 1000, True), FAULT, "inodes"),
        (Disk("/c", 50 * GIB, 100 * GIB, 5 * GIB, 900, 1000, False), FAULT, "not writable"),
    ],
)
def test_disk(disk: Disk, level: Level, text: str) -> None:
    expect(resources.decide_disk(disk), level, text)


def test_memory_and_clock() -> None:
    expect(resources.decide_memory(8 * GIB, 4 * GIB), GOOD, "available")
    expect(resources.decide_memory(GIB, GIB // 2), WARNING, "larger applications")
    expect(resources.decide_memory(8 * GIB, GIB // 8), FAULT, "end processes")
    expect(resources.decide_clock(NOW, True), GOOD, "synchronized")
    expect(resources.decide_clock(NOW, False), WARNING, "not synchronized")
    expect(resources.decide_clock(NOW, None), NOTE, "not known")
    expect(resources.decide_clock(datetime(2020, 1, 1, tzinfo=UTC), True), FAULT, "in the past")


def test_mail() -> None:
    expect(mail.decide_maildir("/m", is_writable=True), NOTE, "nobody receives them")
    expect(mail.decide_maildir("/m", is_writable=False), FAULT, "not writable")
    expect(mail.decide_smtp("mx", "Capsule <c@example.com>", ""), GOOD, "mx answers")
    expect(mail.decide_smtp("mx", "Capsule <c@example.com>", "mx does not accept our credentials (535)"), FAULT, "credentials")
    expect(mail.decide_ses("eu-west-1", "Capsule <c@example.com>"), NOTE, "eu-west-1")
    expect(mail.decide_ses("eu-west-1", "Capsule <no-reply@capsule.localhost>"), FAULT, "CAPSULE_MAIL_FROM")
    expect(mail.decide_smtp("mx", "Capsule <no-reply@capsule.localhost>", ""), FAULT, "CAPSULE_MAIL_FROM")


def test_names() -> None:
    environment = {"CAPSULE_PUBLIC_URL": "https://c.example.com", "CAPSULE_APPLICATION_URL": "https://{name}.apps.example.com"}
    assert network.public_hosts(environment) == ["c.example.com", "name.apps.example.com"]
    assert network.public_hosts({"CAPSULE_PUBLIC_URL": "http://127.0.0.1:3000", "CAPSULE_DASHBOARD_URL": "http://dashboard.localhost:7080"}) == []
    expect(network.decide_names({}), NOTE, "localhost")
    expect(network.decide_names({"c.example.com": ["192.0.2.1"]}), GOOD, "192.0.2.1")
    expect(network.decide_names({"c.example.com": ["192.0.2.1"], "d.example.com": []}), FAULT, "DNS does not know d.example.com")


def ruleset(policy: str, *expressions: Any) -> list[dict[str, Any]]:
    chain = {"family": "inet", "table": "filter", "name": "input", "hook": "input", "policy": policy}
    return [{"chain": chain}, *({"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": each}} for each in expressions)]


def test_firewall() -> None:
    loopback = [{"match": {"op": "==", "left": {"meta": {"key": "iif"}}, "right": "lo"}}, {"accept": None}]
    ssh = [{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}}, {"accept": None}]
    expect(network.decide_firewall(None), NOTE, "loopback")
    expect(network.decide_firewall([]), GOOD, "does not restrict")
    expect(network.decide_firewall(ruleset("accept")), GOOD, "does not restrict")
    expect(network.decide_firewall(ruleset("drop", ssh, loopback)), GOOD, "loopback is open")
    expect(network.decide_firewall(ruleset("drop", ssh)), WARNING, "cannot connect")


def test_certificates() -> None:
    assert [each.level for each in certificates.decide_encryption(certificates.Encryption(True, True))] == [GOOD]
    assert [each.level for each in certificates.decide_encryption(certificates.Encryption(True, False))] == [GOOD, NOTE]
    expect(certificates.decide_end("certificate", NOW + timedelta(days=300), NOW, "rotate"), GOOD, "2027-09-27")
    expect(certificates.decide_end("certificate", NOW + timedelta(days=20), NOW, "rotate"), WARNING, "20 days")
    expect(certificates.decide_end("certificate", NOW - timedelta(seconds=1), NOW, "rotate"), FAULT, "expired")


def test_keys() -> None:
    expect(keys.decide_ages({}, NOW), NOTE, "none yet")
    expect(keys.decide_ages({"signing": NOW - timedelta(days=3)}, NOW), GOOD, "3 days")
    expect(keys.decide_ages({"signing": NOW - timedelta(days=3), "broker": NOW - timedelta(days=400)}, NOW), WARNING, "broker")
    expect(keys.decide_key_set(KeySet("sealing auth", True, 2, 7)), GOOD, "1 current, 1 next, 2 retiring, needed by 7 rows")
    expect(keys.decide_key_set(KeySet("signing", False, 0)), WARNING, "./taskw rotate signing")


def test_what_is_sealed_comes_from_the_wiring() -> None:
    finding = at_rest.describe_sealed({context: wiring_of(context).sealed for context in CONTEXTS})
    assert "sealed   auth: second_factors.sealed_secret" in finding.details and "sealed   monitor: webhooks.secret" in finding.details
    assert sum(detail.startswith("sealed ") for detail in finding.details) == sum(len(wiring_of(context).sealed) for context in CONTEXTS)
    assert sum(detail.startswith("readable ") for detail in finding.details) >= 5


def test_volumes_at_rest() -> None:
    expect(at_rest.decide_volume("/c", Volume(State.ENCRYPTED, "dm-crypt below /dev/sda1")), GOOD, "dm-crypt")
    expect(at_rest.decide_volume("/c", Volume(State.PLAIN, "/dev/sda1")), WARNING, "LUKS")
    expect(at_rest.decide_volume("/c", Volume(State.NOT_VISIBLE, "its file system is overlay")), WARNING, "Ask who runs the host")
    expect(at_rest.decide_swap([]), GOOD, "no swap")
    expect(at_rest.decide_swap([Mount("", "", "swap", "/dev/sda2")]), WARNING, "/dev/sda2")


@pytest.mark.parametrize(
    ("files", "applied", "level", "text"),
    [
        ({"a": "V1__x"}, {"a": "V1__x"}, GOOD, "auth: V1"),
        ({"a": "V1__x", "b": "V2__y"}, {"a": "V1__x"}, FAULT, "./taskw migrate"),
        ({"a": "V1__x"}, {"b": "V1__x"}, FAULT, "Changed after"),
        ({"a": "V1__x"}, {"a": "V1__x", "b": "V2__y"}, FAULT, "A newer version"),
    ],
)
def test_migrations(files: dict[str, str], applied: dict[str, str], level: Level, text: str) -> None:
    expect(stored.decide_migrations({"auth": files}, {"auth": applied}), level, text)


def test_messages() -> None:
    expect(stored.decide_dead_letters({"auth": Waiting(0, 0.0)}), GOOD, "none")
    expect(stored.decide_dead_letters({"auth": Waiting(2, 7200.0), "deploy": Waiting(0, 0.0)}), FAULT, "2 in auth since 2 h")
    expect(stored.decide_outbox({"auth": Waiting(0, 0.0)}), GOOD, "empty")
    expect(stored.decide_outbox({"auth": Waiting(1, 5.0)}), GOOD, "1 event in transit")
    expect(stored.decide_outbox({"auth": Waiting(3, 1200.0)}), FAULT, "20 minutes")


@pytest.mark.parametrize(
    ("enabled", "has_systemd", "is_public", "level", "remedy"),
    [
        ([Path("/etc/systemd/system/capsule.service")], True, True, Level.GOOD, ""),
        ([], True, False, Level.NOTE, ""),
        ([], True, True, Level.WARNING, "./taskw install-service"),
        ([], False, True, Level.WARNING, "up --foreground"),
    ],
)
def test_a_public_machine_should_bring_capsule_back(enabled: list[Path], has_systemd: bool, is_public: bool, level: Level, remedy: str) -> None:
    found = service.decide_service(enabled, has_systemd=has_systemd, is_public=is_public)
    assert found.level is level and remedy in found.remedy
