"""What a pod sends at once is written to the client at once: each write is a system call, and a packet."""

from knative.local.serving.http.client import UpstreamError
from knative.local.serving.http.http1_exchange import Http1Exchange

CHUNKED = [(b"transfer-encoding", b"chunked")]


class Client:
    """Records what it is sent."""

    address, scheme = "192.0.2.1", "http"

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def pause(self, paused: bool) -> None: ...

    def tunnel(self, exchange: Http1Exchange) -> None: ...

    def await_close(self) -> None: ...

    def abort(self) -> None: ...


def request(client: Client) -> Http1Exchange:
    exchange = Http1Exchange(client, "GET", "/", "1.1", [], is_upgrade=False, keep_alive=True)
    exchange.feed_end()
    return exchange


async def test_a_whole_response_is_one_write() -> None:
    client = Client()
    exchange = request(client)
    exchange.head(200, b"OK", [(b"content-length", b"2")])
    exchange.data(b"ok")
    exchange.end()
    assert client.writes == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"]
    assert exchange.done.done()


async def test_chunks_that_arrive_together_are_one_write_and_nothing_waits_for_more() -> None:
    client = Client()
    exchange = request(client)
    exchange.head(200, b"OK", CHUNKED)
    exchange.flush()
    exchange.data(b"one")
    exchange.data(b"two")
    exchange.flush()
    exchange.flush()
    assert client.writes == [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"3\r\none\r\n3\r\ntwo\r\n"]


async def test_what_arrived_before_a_failure_is_written() -> None:
    client = Client()
    exchange = request(client)
    exchange.head(200, b"OK", CHUNKED)
    exchange.data(b"one")
    exchange.failed(UpstreamError("the pod closed the connection"))
    assert b"".join(client.writes).endswith(b"3\r\none\r\n")
