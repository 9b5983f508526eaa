"""The ingress with certificates: TLS 1.3 only, a certificate for each name, replaced while clients connect."""

import asyncio
import contextlib
import socket
import ssl
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Self, cast

import httpx
import pytest
from cryptography import x509

from knative.local.serving import ingress as ingress_module
from knative.local.serving.http.certificates import Certificates
from knative.local.serving.http.upstreams import Upstreams
from knative.local.serving.ingress import Ingress
from knative.local.serving.routing import Routing, RoutingTable
from knative.local.settings import Pair
from knative.machine import tls
from knative.machine.home import Home, Ports
from tests.certificates import Authority
from tests.knative.machine import PLATFORM, SAMPLE, Machine, service
from tests.proof import proof
from tests.servers import free_offset

HANDSHAKES = 30
MAX_BACKLOG = int(Path("/proc/sys/net/core/somaxconn").read_text())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home", Ports(0), {})
    tls.ensure_https(home)
    return home


def certificates(home: Home, *own: tuple[Path, Path], serves: Callable[[str], bool] = lambda name: name.endswith(".localhost")) -> Certificates:
    authority = Pair(tls.authority(home), home.secrets / "ca.key")
    return Certificates(authority, home.secrets / "https.key", [Pair(*each) for each in own], [], serves, lambda name: None)


@contextlib.asynccontextmanager
async def listening(found: Certificates) -> AsyncIterator[int]:
    """A port of an ingress that knows no host: what is tested happens before a Route is looked up."""
    listening = socket.create_server(("127.0.0.1", 0))
    routing = cast(Routing, SimpleNamespace(table=RoutingTable()))
    ingress = Ingress(routing, Upstreams(no_pod), 0, open_port=lambda _: listening, tls=found.context)
    await ingress.start()
    try:
        yield listening.getsockname()[1]
    finally:
        await ingress.stop()


async def no_pod(port: int) -> socket.socket:
    raise ConnectionRefusedError


async def connect(port: int, name: str, authorities: str, *, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> tuple[x509.Certificate, bytes]:
    """Connect, send a request, and return the server's certificate and the response. Raises ssl.SSLError when it is not verified."""
    context = ssl.create_default_context(cafile=authorities)
    context.maximum_version = newest
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    try:
        writer.write(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        connection = writer.get_extra_info("ssl_object")
        assert connection.version() == "TLSv1.3"
        return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True)), await reader.read()
    finally:
        writer.close()


async def test_each_host_gets_a_certificate_of_the_machine_s_authority(home: Home) -> None:
    trusted, authority = str(tls.authority(home)), x509.load_pem_x509_certificate(tls.authority(home).read_bytes())
    async with listening(certificates(home)) as port:
        for name in ("hello-staging.localhost", "dashboard.localhost", "127.0.0.1", "localhost"):
            certificate, response = await connect(port, name, trusted)
            assert response.startswith(b"HTTP/1.1 404") and certificate.issuer == authority.subject
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            await connect(port, "hello.example.com", trusted)
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await connect(port, "localhost", trusted, newest=ssl.TLSVersion.TLSv1_2)


async def test_plain_http_is_told_that_the_port_speaks_https(home: Home) -> None:
    async with listening(certificates(home)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /v1/apps HTTP/1.1\r\nHost: localhost:3000\r\nAuthorization: Bearer secret\r\n\r\n")
        response = await reader.read()
        assert response.startswith(b"HTTP/1.1 400") and b"This port speaks HTTPS. Use https://localhost:3000" in response
        writer.close()
        _, silent = await asyncio.open_connection("127.0.0.1", port)
        silent.close()
        _, response = await connect(port, "localhost", str(tls.authority(home)))
        assert response.startswith(b"HTTP/1.1 404")


async def test_an_own_certificate_serves_its_names_and_is_replaced_under_handshakes(home: Home, tmp_path: Path) -> None:
    authority, folder = Authority(), tmp_path / "own"
    trusted = authority.trust(tmp_path)
    own = authority.write(folder, "capsule.example.com", "*.apps.example.com")
    async with listening(certificates(home, own)) as port:
        serials = set()
        for number in range(HANDSHAKES):
            if number % 10 == 9:
                authority.write(folder, "capsule.example.com", "*.apps.example.com")
            name = ("capsule.example.com", "one.apps.example.com")[number % 2]
            certificate, response = await connect(port, name, trusted)
            assert response.startswith(b"HTTP/1.1 404")
            serials.add(certificate.serial_number)
        assert len(serials) == HANDSHAKES // 10 + 1 and certificate.serial_number == x509.load_pem_x509_certificate(own[0].read_bytes()).serial_number
        for other in ("a.b.apps.example.com", "apps.example.com"):
            with pytest.raises(ssl.SSLCertVerificationError):
                await connect(port, other, trusted)
        own[1].write_bytes((home.secrets / "https.key").read_bytes())  # not its key
        assert (await connect(port, "capsule.example.com", trusted))[0].serial_number == certificate.serial_number
        own[1].unlink()
        assert (await connect(port, "capsule.example.com", trusted))[0].serial_number == certificate.serial_number
        await connect(port, "hello.localhost", str(tls.authority(home)))


async def test_a_rotation_changes_keys_without_a_failed_handshake(home: Home) -> None:
    trusted = str(tls.authority(home))
    async with listening(certificates(home)) as port:
        keys, ends = set(), asyncio.Event()

        async def visit(name: str) -> int:
            count = 0
            while not ends.is_set():
                keys.add((await connect(port, name, trusted))[0].public_key().public_numbers())  # type: ignore[union-attr]
                count += 1
            return count

        visitors = [asyncio.create_task(visit(name)) for name in ("one.localhost", "two.localhost", "127.0.0.1")]
        for _ in range(3):
            await asyncio.sleep(0.1)
            tls.renew_https(home)
        await asyncio.sleep(0.1)
        ends.set()
        assert min(await asyncio.gather(*visitors)) > 1 and len(keys) > 1
        last = (await connect(port, "one.localhost", trusted))[0]
        assert last.public_key().public_numbers() == _public_numbers(home)  # type: ignore[union-attr]


async def test_connections_of_an_address_are_limited_before_their_handshake(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingress_module, "MAX_CONNECTIONS_PER_ADDRESS", 2)
    async with listening(certificates(home)) as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        for _, each in (*silent, (reader, writer)):
            each.close()
            await each.wait_closed()
        await asyncio.sleep(0.1)
        assert (await connect(port, "localhost", str(tls.authority(home))))[1].startswith(b"HTTP/1.1 404")


async def test_a_connection_that_has_not_begun_tls_is_answered_when_the_ingress_stops(home: Home) -> None:
    context = ssl.create_default_context(cafile=str(tls.authority(home)))
    async with listening(certificates(home)) as port:
        client = socket.create_connection(("127.0.0.1", port))
        client.setblocking(False)
        await asyncio.sleep(0.1)  # accepted, and silent
        answer = asyncio.create_task(_request_later(client, context, 0.3))
    assert (await answer).startswith(b"HTTP/1.1 404")


async def _request_later(client: socket.socket, context: ssl.SSLContext, seconds: float) -> bytes:
    await asyncio.sleep(seconds)
    reader, writer = await asyncio.open_connection(sock=client, ssl=context, server_hostname="localhost")
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    response = await reader.read()
    writer.close()
    return response


async def test_the_port_keeps_its_backlog(home: Home) -> None:
    for found in (None, certificates(home).context):
        accepting = socket.create_server(("127.0.0.1", 0))
        routing = cast(Routing, SimpleNamespace(table=RoutingTable()))
        ingress = Ingress(routing, Upstreams(no_pod), 0, open_port=lambda _, listener=accepting: listener, tls=found)
        await ingress.start()
        information = accepting.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        backlog = int.from_bytes(information[28:32], sys.byteorder)  # tcpi_sacked, as ss(8) reads it
        await ingress.stop()
        assert backlog == min(ingress_module.BACKLOG, MAX_BACKLOG)


@proof("rotation")
def test_applications_and_host_ports_are_served_over_https_while_certificates_and_pods_change(tmp_path: Path) -> None:
    offset = free_offset()
    home = Home(tmp_path, Ports(offset), {"CAPSULE_HTTPS": "on"})
    tls.ensure_https(home)
    machine = Machine(tmp_path, offset, {"CAPSULE_HTTPS": "on"})
    machine.start()
    try:
        namespace = machine.namespace()
        machine.namespace("capsule")
        machine.create(service(namespace))
        machine.create(service("capsule", "front", annotations={"local.capsule.dev/host-port": "3000"}))
        url = httpx.URL(machine.ready(namespace, "sample")["status"]["url"])
        machine.ready("capsule", "front")
        assert (url.scheme, url.port) == ("https", 7080 + offset)
        application = Visitor(str(url.copy_with(host="127.0.0.1", path="/headers")), url, home)
        gateway = Visitor(f"https://127.0.0.1:{3000 + offset}/headers", httpx.URL("https://127.0.0.1"), home)
        assert application.visit()["x-forwarded-proto"] == gateway.visit()["x-forwarded-proto"] == "https"
        answer = httpx.get(f"http://127.0.0.1:{3000 + offset}/")
        assert answer.status_code == 400 and f"https://127.0.0.1:{3000 + offset}" in answer.text
        with application, gateway:
            for _ in range(3):
                time.sleep(0.5)
                tls.renew_https(home)
            container = {"image": PLATFORM, "command": SAMPLE, "env": [{"name": "VERSION", "value": "2"}]}
            machine.patch("capsule", "front", {"spec": {"template": {"spec": {"containers": [container]}}}})
            time.sleep(1.0)
            machine.ready("capsule", "front")
            time.sleep(1.0)
        assert not application.errors and not gateway.errors
        assert application.count > 5 and gateway.count > 5
    finally:
        machine.stop()


class Visitor:
    """Sends requests over new connections, one after another, and keeps the errors. Verifies the name of the URL."""

    def __init__(self, address: str, url: httpx.URL, home: Home) -> None:
        self._address, self._url, self._context = address, url, ssl.create_default_context(cafile=str(tls.authority(home)))
        self._ended, self.count, self.errors = threading.Event(), 0, list[str]()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def visit(self) -> dict[str, str]:
        with httpx.Client(verify=self._context, trust_env=False, timeout=30) as client:
            host = {"Host": self._url.netloc.decode()}
            response = client.get(self._address, headers=host, extensions={"sni_hostname": self._url.host})
            response.raise_for_status()
            return dict(response.json())

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self.visit()
            except httpx.HTTPError as error:
                self.errors.append(repr(error))
            self.count += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(30)


def _public_numbers(home: Home) -> object:
    from knative.certificates import load_key

    return load_key((home.secrets / "https.key").read_bytes()).public_key().public_numbers()
