"""Outgoing HTTP to hosts that others choose, over real connections on loopback."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from functions.kernel import Permanent
from functions.runtime.security.outgoing import CheckedTransport


class Server:
    """`seen`: the host of each request, and the port of the client's connection."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.seen.append((self.headers["host"].partition(":")[0], self.client_address[1]))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


async def test_hosts_at_one_address_share_no_connection(server: Server) -> None:
    """A TLS connection is verified for the name with which it was opened."""
    hosts = ["127.0.0.1", "127.1", "127.0.0.1"]  # `127.1` is another name of the address
    async with httpx.AsyncClient(transport=CheckedTransport(hosts, "CAPSULE_EXAMPLE_HOSTS"), trust_env=False) as client:
        for host in hosts:
            assert (await client.get(f"http://{host}:{server.port}/")).status_code == 200
    assert [host for host, _ in server.seen] == hosts and len({port for _, port in server.seen}) == 3


async def test_a_private_address_is_refused_if_it_is_not_listed(server: Server) -> None:
    async with httpx.AsyncClient(transport=CheckedTransport([], "CAPSULE_EXAMPLE_HOSTS"), trust_env=False) as client:
        with pytest.raises(Permanent, match="needs https"):
            await client.get(f"http://127.1:{server.port}/")
        with pytest.raises(Permanent, match="private address"):
            await client.get(f"https://127.1:{server.port}/")
    assert server.seen == []
