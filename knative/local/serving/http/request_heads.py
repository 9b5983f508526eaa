"""The head of a request that is forwarded to a pod."""

from knative.local.serving.http.exchange import Exchange
from knative.local.serving.http.forwarding import request_head


def head_of(exchange: Exchange, host: str) -> bytes:
    """Return the head of the request to a pod. `host`: as the client wrote it."""
    framing: tuple[bytes, ...] = ()
    if exchange.is_upgrade:
        framing = b"connection: upgrade", b"upgrade: websocket"
    elif exchange.is_chunked:
        framing = (b"transfer-encoding: chunked",)
    client = exchange.client
    return request_head(exchange.method, exchange.target, exchange.headers, host, client.address, framing, client.scheme)
