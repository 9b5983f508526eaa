"""With CAPSULE_TLS the local servers speak TLS 1.3 only, clients verify them, and their certificate is replaced while they run."""

import dataclasses
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pika
import psycopg
import pytest
from cryptography import x509

from functions.runtime.messaging.bus import Bus
from functions.runtime.storage.database import Database
from knative.machine import packages, tls
from knative.machine.home import LOOPBACK, Home, Ports
from knative.machine.postgres import PostgreSQL
from knative.machine.rabbitmq import RabbitMQ
from tests.proof import proof
from tests.servers import discard, fresh_home
from tests.waiting import wait_limit

NOW = datetime(2026, 5, 6, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def encrypted() -> Iterator[Home]:
    fresh = fresh_home()
    home = dataclasses.replace(fresh, environment={**fresh.environment, "CAPSULE_TLS": "on"})
    home.create()
    packages.install([packages.POSTGRES, packages.RABBITMQ], print)
    yield home
    discard(home)


@pytest.fixture(scope="module")
def postgres(encrypted: Home) -> PostgreSQL:
    server = PostgreSQL(encrypted, durable=False)
    server.start()
    server.create_databases()
    return server


@pytest.fixture(scope="module")
def rabbitmq(encrypted: Home) -> RabbitMQ:
    server = RabbitMQ(encrypted)
    server.start()
    return server


def stranger(path: Path) -> Path:
    """The certificate of another authority."""
    other = Home(path, Ports(0), {})
    other.create()
    tls.ensure(other)
    return tls.authority(other)


def served_by_rabbitmq(home: Home) -> int:
    """The serial number of the certificate that a new connection gets. Raises: ssl.SSLError if it is not verified."""
    context = ssl.create_default_context(cafile=str(tls.authority(home)))
    with socket.create_connection((LOOPBACK, home.ports.amqp)) as plain, context.wrap_socket(plain, server_hostname=LOOPBACK) as connection:
        assert connection.version() == "TLSv1.3"
        return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"").serial_number


def test_certificates_are_made_once_and_renewed_before_they_expire(tmp_path: Path) -> None:
    home = Home(tmp_path, Ports(0), {})
    home.create()
    assert tls.expires_at(home) is None
    tls.ensure(home, NOW)
    authority, first = tls.authority(home).read_bytes(), (home.secrets / "server.crt").read_bytes()
    assert tls.expires_at(home) == NOW + tls.LIFETIME
    tls.ensure(home, NOW + tls.LIFETIME - tls.RENEW_BEFORE - timedelta(days=1))
    assert (home.secrets / "server.crt").read_bytes() == first
    tls.ensure(home, NOW + tls.LIFETIME - tls.RENEW_BEFORE + timedelta(days=1))
    assert (home.secrets / "server.crt").read_bytes() != first and tls.authority(home).read_bytes() == authority
    x509.load_pem_x509_certificate((home.secrets / "server.crt").read_bytes()).verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
    assert {path.stat().st_mode & 0o777 for path in home.secrets.iterdir()} == {0o600}
    assert tls.authority(home).stat().st_mode & 0o777 == 0o644


def test_servers_that_start_at_the_same_time_share_one_authority(tmp_path: Path) -> None:
    home = Home(tmp_path, Ports(0), {})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: tls.ensure(home), range(8)))
    authority = x509.load_pem_x509_certificate(tls.authority(home).read_bytes())
    x509.load_pem_x509_certificate((home.secrets / "server.crt").read_bytes()).verify_directly_issued_by(authority)


@pytest.mark.parametrize("half", ["server.key", "ca.key"])
def test_halves_of_an_interrupted_renewal_are_made_again(tmp_path: Path, half: str) -> None:
    home, other = Home(tmp_path / "one", Ports(0), {}), Home(tmp_path / "other", Ports(0), {})
    tls.ensure(home)
    tls.ensure(other)
    (home.secrets / half).write_bytes((other.secrets / half).read_bytes())
    tls.ensure(home)
    assert not tls.is_due(home)
    authority = x509.load_pem_x509_certificate(tls.authority(home).read_bytes())
    x509.load_pem_x509_certificate((home.secrets / "server.crt").read_bytes()).verify_directly_issued_by(authority)


@proof("rotation")
async def test_functions_connect_to_postgresql_with_tls_and_verify_it(postgres: PostgreSQL, tmp_path: Path) -> None:
    url = postgres.database("auth").functions_url
    assert "sslmode=verify-full" in url
    database = Database(url)
    async with database.transaction(read_only=True) as connection:
        cursor = await connection.execute("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert await cursor.fetchone() == ("TLSv1.3",)
    await database.close()
    for change, reason in (
        ("sslmode=disable", "no encryption"),
        (f"sslmode=verify-full&sslrootcert={stranger(tmp_path)}", "certificate verify failed"),
        (f"sslmode=verify-full&sslrootcert={tls.authority(postgres.home)}&ssl_max_protocol_version=TLSv1.2", "protocol version"),
    ):
        with pytest.raises(psycopg.OperationalError, match=reason):
            psycopg.connect(f"{url.partition('?')[0]}?{change}").close()


@proof("rotation")
async def test_functions_connect_to_rabbitmq_with_tls_and_verify_it(rabbitmq: RabbitMQ, tmp_path: Path) -> None:
    bus = Bus(rabbitmq.url, name="test", timeout_seconds=20.0)
    bus.open()
    await bus.wait_until_ready()
    await bus.close()
    assert served_by_rabbitmq(rabbitmq.home) > 0
    other = rabbitmq.url.replace(str(tls.authority(rabbitmq.home)).replace("/", "%2F"), str(stranger(tmp_path)).replace("/", "%2F"))
    assert other != rabbitmq.url
    plain = rabbitmq.url.partition("?")[0].replace("amqps", "amqp")
    for refused in (other, plain):
        with pytest.raises((pika.exceptions.AMQPConnectionError, ssl.SSLError)):
            pika.BlockingConnection(pika.URLParameters(refused))


@proof("rotation")
def test_a_certificate_is_replaced_while_connections_are_open(postgres: PostgreSQL, rabbitmq: RabbitMQ) -> None:
    home = postgres.home
    before = served_by_rabbitmq(home)
    with psycopg.connect(postgres.database("auth").functions_url, autocommit=True) as to_postgres:
        to_rabbitmq = pika.BlockingConnection(pika.URLParameters(rabbitmq.url))
        tls.renew(home)
        for server in (postgres, rabbitmq):
            server.renew_certificate()
        renewed = x509.load_pem_x509_certificate((home.secrets / "server.crt").read_bytes()).serial_number
        assert renewed != before
        deadline = datetime.now(UTC) + timedelta(seconds=wait_limit(150))
        while served_by_rabbitmq(home) != renewed:
            assert datetime.now(UTC) < deadline
            to_rabbitmq.process_data_events(time_limit=1)
        psycopg.connect(postgres.database("auth").functions_url).close()
        assert to_postgres.execute("SELECT 1").fetchone() == (1,)
        to_rabbitmq.channel().close()
        to_rabbitmq.close()


@proof("rotation")
def test_no_new_connection_fails_while_certificates_are_replaced(postgres: PostgreSQL, rabbitmq: RabbitMQ) -> None:
    home, url = postgres.home, postgres.database("auth").functions_url
    ends, counts = threading.Event(), dict.fromkeys(("postgres", "rabbitmq"), 0)

    def connect_often(name: str, connect: Callable[[], object]) -> None:
        while not ends.is_set():
            connect()  # raises what the test fails with
            counts[name] += 1

    with ThreadPoolExecutor(2) as pool:
        visitors = [
            pool.submit(connect_often, "postgres", lambda: psycopg.connect(url).close()),
            pool.submit(connect_often, "rabbitmq", lambda: served_by_rabbitmq(home)),
        ]
        try:
            for _ in range(5):
                before = dict(counts)
                tls.renew(home)
                for server in (postgres, rabbitmq):
                    server.renew_certificate()
                deadline = time.monotonic() + wait_limit(30)
                while any(counts[name] == before[name] for name in counts) and time.monotonic() < deadline and not any(v.done() for v in visitors):
                    time.sleep(0.05)
        finally:
            ends.set()
        for visitor in visitors:
            visitor.result()
    assert min(counts.values()) >= 5


def test_without_tls_addresses_have_no_options(tmp_path: Path) -> None:
    home = Home(tmp_path, Ports(0), {})
    assert "?" not in PostgreSQL(home).database("auth").functions_url and RabbitMQ(home).url.startswith("amqp://")
