"""A lost confirm: RabbitMQ has a batch of the collector, but the connection breaks before the confirm arrives."""

import asyncio
import json
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.knative.eventing.conftest import broker, machine_at, trigger, until
from tests.knative.eventing.test_brokers import CreateSubscriber
from tests.knative.eventing.test_collector import CONFIG, pod, service


class Proxy:
    """Forwards between the machine and RabbitMQ. With `drops_replies`, what RabbitMQ sends is dropped."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._writers: set[asyncio.StreamWriter] = set()
        self.drops_replies = False
        self.dropped_bytes = 0

    async def start(self) -> str:
        self.server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        user, _, _ = self._url.netloc.rpartition("@")
        return urlunsplit(self._url._replace(netloc=f"{user}@127.0.0.1:{port}"))

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(self._url.hostname, self._url.port)
        self._writers |= {writer, server_writer}
        await asyncio.gather(self._pipe(reader, server_writer, False), self._pipe(server_reader, writer, True))

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_reply: bool) -> None:
        try:
            while data := await reader.read(65536):
                if is_reply and self.drops_replies:
                    self.dropped_bytes += len(data)
                    continue
                writer.write(data)
        except ConnectionError:
            return  # the close below ends the other direction
        finally:
            writer.close()

    def abort_connections(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def stop(self) -> None:
        self.abort_connections()
        self.server.close()


async def test_a_batch_without_confirm_is_sent_again_with_its_id_and_later_data_separately(
    vhost: str, tmp_path: Path, subscriber: CreateSubscriber
) -> None:
    proxy, sink = Proxy(vhost), await subscriber()
    try:
        async with machine_at(tmp_path, await proxy.start()) as machine:
            machine.apply(*broker(), trigger("all", sink.url), CONFIG)
            await machine.ready("Trigger.eventing.knative.dev", "all")
            collector = machine.eventing.collector
            await until(lambda: collector.has_target)
            collector.add_lines(pod(), "stdout", ["the channel is open"])
            await until(lambda: sink.received)
            sink.received.clear()

            proxy.drops_replies = True
            collector.add_request(service(), "r-1", 200, 0.01)
            await until(lambda: proxy.dropped_bytes > 0)  # RabbitMQ has the batch, and its confirm is dropped
            collector.add_request(service(), "r-1", 200, 0.01)
            proxy.drops_replies = False
            proxy.abort_connections()

            def counts_by_id() -> dict[str, int]:
                return {request.headers["ce-id"]: json.loads(request.body)["windows"][0]["count"] for request in sink.received}

            await until(lambda: sum(counts_by_id().values()) >= 2)
            await until(lambda: len(sink.received) >= 3)
            assert sorted(counts_by_id().values()) == [1, 1], "a receiver that ignores repeated ids counts two requests"
            ids = [request.headers["ce-id"] for request in sink.received]
            (repeated,) = {each for each in ids if ids.count(each) == 2}
            assert len({request.body for request in sink.received if request.headers["ce-id"] == repeated}) == 1
    finally:
        await proxy.stop()
