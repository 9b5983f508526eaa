"""RabbitMQ takes a batch of the collector's, and its confirm is lost with the connection: the same message goes again, and no other."""

import asyncio
import json
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.knative.eventing.conftest import broker, machine_at, trigger, until
from tests.knative.eventing.test_brokers import Make
from tests.knative.eventing.test_collector import CONFIG, pod, service


class Proxy:
    """Between the machine and RabbitMQ. Deaf: what RabbitMQ says is lost, what it is told arrives."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._writers: set[asyncio.StreamWriter] = set()
        self.deaf = False
        self.swallowed = 0

    async def start(self) -> str:
        self.server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        user, _, _ = self._url.netloc.rpartition("@")
        return urlunsplit(self._url._replace(netloc=f"{user}@127.0.0.1:{port}"))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._url.hostname, self._url.port)
        self._writers |= {writer, back}
        await asyncio.gather(self._pipe(reader, back, False), self._pipe(there, writer, True))

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_answer: bool) -> None:
        try:
            while data := await reader.read(65536):
                if is_answer and self.deaf:
                    self.swallowed += len(data)
                    continue
                writer.write(data)
        except ConnectionError:
            return  # cut: the other direction ends by the close below
        finally:
            writer.close()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def stop(self) -> None:
        self.cut()
        self.server.close()


async def test_a_batch_whose_confirm_was_lost_goes_again_under_its_id_and_the_rest_goes_by_itself(
    vhost: str, tmp_path: Path, subscriber: Make
) -> None:
    proxy, sink = Proxy(vhost), await subscriber()
    try:
        async with machine_at(tmp_path, await proxy.start()) as machine:
            machine.apply(*broker(), trigger("all", sink.url), CONFIG)
            await machine.ready("Trigger.eventing.knative.dev", "all")
            collector = machine.eventing.collector
            await until(lambda: collector.is_pointed)
            collector.lines(pod(), "stdout", ["the channel is open"])
            await until(lambda: sink.seen)
            sink.seen.clear()

            proxy.deaf = True
            collector.request(service(), "r-1", 200, 0.01)
            await until(lambda: proxy.swallowed > 0)  # RabbitMQ has the batch, and has said so to nobody
            collector.request(service(), "r-1", 200, 0.01)
            proxy.deaf = False
            proxy.cut()

            def counted() -> dict[str, int]:
                return {seen.headers["ce-id"]: json.loads(seen.body)["windows"][0]["count"] for seen in sink.seen}

            await until(lambda: sum(counted().values()) >= 2)
            await until(lambda: len(sink.seen) >= 3)
            assert sorted(counted().values()) == [1, 1], "whoever takes each id once counts two requests"
            ids = [seen.headers["ce-id"] for seen in sink.seen]
            (twice,) = {each for each in ids if ids.count(each) == 2}
            assert len({seen.body for seen in sink.seen if seen.headers["ce-id"] == twice}) == 1
    finally:
        await proxy.stop()
