"""Visitors: requests at a steady rate, websockets that echo, uploads that take seconds. They record what went wrong."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from time import monotonic

import aiohttp

REQUESTS_PER_SECOND = 100
WEBSOCKETS, UPLOADS = 20, 10
WEBSOCKET_SECONDS = 60.0
"""A client opens a new one after this time: a request ends after its Service's `timeoutSeconds`."""
UPLOAD_CHUNKS, CHUNK, CHUNK_PAUSE_SECONDS = 20, b"x" * 4096, 0.2
MAX_CONCURRENT_REQUESTS = 200
REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=60)


@dataclass
class Findings:
    """`errors`: what a visitor saw, with the version that answered, or "" where no release did."""

    versions: Counter[str] = field(default_factory=Counter)
    errors: list[tuple[str, str]] = field(default_factory=list)
    cut_streams: list[str] = field(default_factory=list)
    echoes: int = 0
    uploads: int = 0


class Load:
    """Runs in a thread of its own between `start` and `stop`."""

    def __init__(self, address: str, host: str) -> None:
        """`address`: the ingress, such as `http://127.0.0.1:7080`. `host`: of the application."""
        self.findings = Findings()
        self._address, self._headers = address, {"Host": host}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="visitors")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> Findings:
        self._stopping.set()
        self._thread.join()
        return self.findings

    async def _run(self) -> None:
        connector = aiohttp.TCPConnector(limit=0)
        session = aiohttp.ClientSession(self._address, connector=connector, headers=self._headers, timeout=REQUEST_TIMEOUT)
        async with session, asyncio.TaskGroup() as group:
            group.create_task(self._send_requests(session))
            for number in range(WEBSOCKETS):
                group.create_task(self._echo(session, number))
            for _ in range(UPLOADS):
                group.create_task(self._upload(session))

    async def _send_requests(self, session: aiohttp.ClientSession) -> None:
        """Send at the rate, and more slowly where the machine does not carry it."""
        running: set[asyncio.Task[None]] = set()
        due = monotonic()
        while not self._stopping.is_set():
            due = max(due + 1 / REQUESTS_PER_SECOND, monotonic() - 1)
            await asyncio.sleep(max(0.0, due - monotonic()))
            if len(running) >= MAX_CONCURRENT_REQUESTS:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            task = asyncio.create_task(self._request(session))
            running.add(task)
            task.add_done_callback(running.discard)
        if running:
            await asyncio.wait(running)

    async def _request(self, session: aiohttp.ClientSession) -> None:
        try:
            async with session.get("/") as response:
                text, version = await response.text(), response.headers.get("x-version", "")
        except (aiohttp.ClientError, TimeoutError) as error:
            self.findings.errors.append((repr(error), ""))
            return
        self.findings.versions[version] += 1
        if response.status != 200:
            self.findings.errors.append((f"{response.status} {text[:200]}", version))

    async def _echo(self, session: aiohttp.ClientSession, number: int) -> None:
        while not self._stopping.is_set():
            end = monotonic() + WEBSOCKET_SECONDS
            try:
                async with session.ws_connect("/ws") as socket:
                    while monotonic() < end and not self._stopping.is_set():
                        await socket.send_str(f"hello {number}")
                        if await socket.receive_str(timeout=60) != f"hello {number}":
                            self.findings.cut_streams.append("another answer")
                        self.findings.echoes += 1
                        await asyncio.sleep(0.25)
            except (aiohttp.ClientError, TimeoutError, TypeError) as error:  # TypeError: a close frame in place of a text frame
                self.findings.cut_streams.append(f"websocket: {error!r}")

    async def _upload(self, session: aiohttp.ClientSession) -> None:
        async def body() -> AsyncIterator[bytes]:
            for _ in range(UPLOAD_CHUNKS):
                yield CHUNK
                await asyncio.sleep(CHUNK_PAUSE_SECONDS)

        size = UPLOAD_CHUNKS * len(CHUNK)
        while not self._stopping.is_set():
            try:
                async with session.post("/upload", data=body(), headers={"content-length": str(size)}) as response:
                    if (text := await response.text()) != str(size):
                        self.findings.cut_streams.append(f"upload: {response.status} {text[:200]}")
            except (aiohttp.ClientError, TimeoutError) as error:
                self.findings.cut_streams.append(f"upload: {error!r}")
            self.findings.uploads += 1
