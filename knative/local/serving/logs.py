"""What a container prints, kept as the container runtimes keep it: `<time> <stream> F <line>`, bounded by rotation.

Lines are written as they come, from the event loop: a write to the page cache is cheaper than a thread. A line without an end is cut at
16 KiB and marked P, as the CRI log format has it. The last lines stay in memory: they are the message of a container that failed.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

LARGEST = 10 << 20
LONGEST_LINE = 16 << 10
LAST_LINES, LAST_BYTES = 80, 2048
Sink = Callable[[str, list[str]], None]
"""(stream, lines)"""


class Log:
    """One container's file, `<name>.log`; the part before the last rotation is `<name>.log.1`."""

    def __init__(self, path: Path, sink: Sink | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self._size = os.fstat(self._file).st_size
        self._sink = sink
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._open: set[asyncio.Future[None]] = set()

    def pipe(self, stream: str) -> int:
        """The end that the process writes to; whoever starts it closes ours."""
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        self._open.add(ended)
        rest = bytearray()

        def readable() -> None:
            try:
                data = os.read(reading, 1 << 16)
            except BlockingIOError:
                return
            rest.extend(data)
            self._split(stream, rest, final=not data)
            if not data:
                loop.remove_reader(reading)
                os.close(reading)
                self._open.discard(ended)
                if not ended.done():
                    ended.set_result(None)

        loop.add_reader(reading, readable)
        return writing

    async def drained(self, timeout: float = 1.0) -> None:
        """Until the pipes of an ended process are read (a daemon of its may hold them open for ever, so not for long)."""
        if self._open:
            await asyncio.wait(self._open, timeout=timeout)

    def say(self, line: str, stream: str = "stderr") -> None:
        """A line of ours, about the container."""
        self._write(stream, [(line, "F")])

    @property
    def tail(self) -> str:
        """The last lines, at most 2 KiB, as Kubernetes' FallbackToLogsOnError has it."""
        text = "\n".join(self._last)
        return text[-LAST_BYTES:].strip()

    def forget(self) -> None:
        self._last.clear()

    def close(self) -> None:
        os.close(self._file)

    def _split(self, stream: str, rest: bytearray, final: bool) -> None:
        *whole, last = bytes(rest).split(b"\n")
        rest[:] = last
        lines = [(line.decode("utf-8", "replace").removesuffix("\r"), "F") for line in whole]
        while len(rest) >= LONGEST_LINE:
            lines.append((bytes(rest[:LONGEST_LINE]).decode("utf-8", "replace"), "P"))
            del rest[:LONGEST_LINE]
        if final and rest:
            lines.append((rest.decode("utf-8", "replace"), "F"))
            rest.clear()
        if lines:
            self._write(stream, lines)

    def _write(self, stream: str, lines: list[tuple[str, str]]) -> None:
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"
        data = "".join(f"{at} {stream} {tag} {line}\n" for line, tag in lines).encode("utf-8", "replace")
        if self._size + len(data) > LARGEST:
            self._rotate()
        os.write(self._file, data)
        self._size += len(data)
        texts = [line for line, _ in lines]
        self._last.extend(texts)
        if self._sink is not None:
            self._sink(stream, texts)

    def _rotate(self) -> None:
        os.close(self._file)
        self._path.rename(self._path.with_name(self._path.name + ".1"))
        self._file = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self._size = 0
