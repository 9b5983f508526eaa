"""Which version of HTTP a connection speaks: the one that TLS negotiated (ALPN, RFC 7301)."""

import asyncio
from typing import TYPE_CHECKING

from knative.local.serving.http.clients import Client, Clients
from knative.local.serving.http.server import ClientConnection, Serve
from knative.local.serving.http.tls_contexts import HTTP_2

if TYPE_CHECKING:
    from knative.local.serving.http.http2.connection import Http2Connection


class NegotiatedConnection(asyncio.Protocol):
    """Becomes a client when its transport is connected, after a handshake if there is one. `client`: None before."""

    def __init__(self, serve: Serve, clients: Clients) -> None:
        self._serve, self._clients = serve, clients
        self.client: Client | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        tls = transport.get_extra_info("ssl_object")
        is_http_2 = tls is not None and tls.selected_alpn_protocol() == HTTP_2
        client: Http2Connection | ClientConnection
        client = _http_2(self._serve, self._clients) if is_http_2 else ClientConnection(self._serve, self._clients)
        self.client = client
        transport.set_protocol(client)
        client.connection_made(transport)


def _http_2(serve: Serve, clients: Clients) -> "Http2Connection":
    """The library takes 2 MB and 50 ms: only an ingress that is reached over HTTP/2 loads it."""
    from knative.local.serving.http.http2.connection import Http2Connection

    return Http2Connection(serve, clients)
