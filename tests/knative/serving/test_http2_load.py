"""HTTP/2 under load and abuse: the ingress alone in a process, in front of a small server, with the clients that people use (curl, nghttp, h2load).

What is asserted of memory is what the process holds while clients attack, not what they sent.
"""

import asyncio
import hashlib
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from hyperframe.frame import HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame

from knative.machine import packages
from tests.bench import ingress_process
from tests.bench.http2 import run_h2load
from tests.certificates import Authority
from tests.knative.serving import load_backend
from tests.knative.serving.http2_client import Client
from tests.proof import proof
from tests.runtime.harness import free_port

pytestmark = proof("http2")
HOST = "bench.localhost"
MEBIBYTE = 1 << 20
UPLOAD_BYTES = 32 * MEBIBYTE
MAX_GROWTH_BYTES = 128 * MEBIBYTE
"""300 responses that nobody takes are at most 256 KiB each."""
ATTACKERS = 6


@dataclass
class Site:
    port: int
    root: str
    process: psutil.Process

    def url(self, path: str) -> str:
        return f"https://{HOST}:{self.port}{path}"

    def run(self, *command: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(command, capture_output=True, timeout=120, check=False)

    def curl(self, path: str, *options: str) -> bytes:
        resolve = ("--resolve", f"{HOST}:{self.port}:127.0.0.1", "--cacert", self.root)
        result = self.run("curl", "--silent", "--show-error", "--fail", "--http2", *resolve, *options, self.url(path))
        assert result.returncode == 0, result.stderr
        return result.stdout

    def resident_bytes(self) -> int:
        return int(self.process.memory_info().rss)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    packages.install([packages.NGHTTP2], print)
    folder, authority, port = tmp_path_factory.mktemp("http2"), Authority(), free_port()
    certificate, key = authority.write(folder, HOST)
    pair = folder / "pair.pem"
    pair.write_bytes(certificate.read_bytes() + key.read_bytes())
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    backend_port = free_port()
    ingress = [str(Path(ingress_process.__file__)), str(free_port()), str(backend_port), HOST, str(port), str(pair)]
    with subprocess.Popen([sys.executable, load_backend.__file__, str(backend_port)]) as backend:
        with subprocess.Popen([sys.executable, "-P", *ingress], env=environment) as child:
            found = Site(port, authority.trust(folder), psutil.Process(child.pid))
            found.curl("/", "--retry", "60", "--retry-all-errors", "--retry-delay", "1")
            yield found
            child.terminate()
            assert child.wait(30) == 0
        backend.terminate()


@asynccontextmanager
async def connected(site: Site, count: int) -> AsyncIterator[list[Client]]:
    context = ssl.create_default_context(cafile=site.root)
    context.set_alpn_protocols(["h2"])
    clients = [Client(*await asyncio.open_connection("127.0.0.1", site.port, ssl=context, server_hostname=HOST)) for _ in range(count)]
    for client in clients:
        await client.begin()
    try:
        yield clients
    finally:
        for client in clients:
            client.close()


def test_curl_and_nghttp(site: Site) -> None:
    assert site.curl("/", "--write-out", " %{http_version}") == b"ok 2"
    assert site.curl("/", "--http1.1", "--write-out", " %{http_version}") == b"ok 1.1"
    urls = [f"https://127.0.0.1:{site.port}/{number}" for number in range(10)]
    verbose = site.run("nghttp", "-v", f"-H:authority: {HOST}", *urls)
    assert verbose.stdout.count(b":status: 200") == 10, verbose.stdout[-2000:]
    assert b"SETTINGS_MAX_CONCURRENT_STREAMS(0x03):100" in verbose.stdout and b"GOAWAY" in verbose.stdout


def test_uploads_arrive_whole_and_need_little_memory(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(os.urandom(UPLOAD_BYTES))
    digest = hashlib.sha256(path.read_bytes()).hexdigest().encode()
    before = site.resident_bytes()
    assert site.curl("/digest", "--data-binary", f"@{path}") == digest
    assert site.curl("/digest", "--upload-file", str(path), "--request", "PUT", "--header", "Content-Length:") == digest
    assert site.resident_bytes() - before < MAX_GROWTH_BYTES


def test_thousands_of_requests_at_once_do_not_fail(site: Site) -> None:
    load = run_h2load(site.port, "/", "-n4000", "-c20", "-m100")
    assert (load.succeeded, load.failed) == (4000, 0), load.output


@pytest.mark.parametrize("attack", ["resets", "pings", "settings", "blocks", "downloads"])
async def test_visitors_are_served_during_an_attack(site: Site, attack: str) -> None:
    before = site.resident_bytes()
    is_over = asyncio.Event()

    async def attacker() -> None:
        while not is_over.is_set():
            async with connected(site, 1) as (client,):
                await client.until(lambda: client.is_acknowledged)
                client.reads_bodies = False
                if attack == "downloads":  # taken by nobody
                    for _ in range(100):
                        await client.request(path="/endless", host=HOST)
                    await is_over.wait()
                else:
                    await client.send_raw(flood(attack))
                    await client.until_closed()
                    assert client.goaways[-1].error_code == 11

    attackers = [asyncio.create_task(attacker()) for _ in range(3 if attack == "downloads" else ATTACKERS)]
    await asyncio.sleep(1)
    load = await asyncio.to_thread(run_h2load, site.port, "/", "-n300", "-c4", "-m4")
    growth = site.resident_bytes() - before
    is_over.set()
    await asyncio.gather(*attackers)
    assert (load.succeeded, load.failed) == (300, 0), load.output
    assert growth < MAX_GROWTH_BYTES, growth


def flood(attack: str) -> bytes:
    if attack == "pings":
        return PingFrame(0, opaque_data=b"12345678").serialize() * 5000
    if attack == "settings":
        return SettingsFrame(0, settings={1: 1, 4: 1}).serialize() * 5000
    if attack == "blocks":
        return HeadersFrame(1, data=b"x" * 16_000).serialize() + b"".join(
            frame[:3] + b"\x09" + frame[4:] for frame in [HeadersFrame(1, data=b"x" * 16_000).serialize()] * 20
        )
    authority = HOST.encode()
    block = b"\x82\x84\x87\x41" + bytes((len(authority),)) + authority
    return b"".join(
        HeadersFrame(number, data=block, flags=["END_HEADERS", "END_STREAM"]).serialize() + RstStreamFrame(number, error_code=8).serialize()
        for number in range(1, 2001, 2)
    )
