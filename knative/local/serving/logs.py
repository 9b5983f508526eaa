"""What a container prints, kept as the container runtimes keep it: `<time> <stream> F <line>`, bounded by rotation and in its rate.

Lines are written as they come, from the event loop: a write to the page cache is cheaper than a thread. A line without an end is cut at
16 KiB and marked P, as the CRI log format has it. The last lines stay in memory: they are the message of a container that failed.

A container that prints faster than `RATE` waits in its own write(2), as it would for a slow terminal: nothing is lost and nobody else is slowed down.
Every descriptor belongs to one object here, which takes its reader out of the event loop before it closes it; what comes after `close` is dropped.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

LARGEST = 10 << 20
LONGEST_LINE = 16 << 10
LAST_LINES, LAST_BYTES = 80, 2048
CHUNK = 1 << 16
RATE, BURST = 256 << 10, 1 << 20
"""Bytes a second in the long run, and at once."""
LINE_COST = 128
"""Bytes that a line counts beside its own: short lines cost the platform as much as long ones. 2,000 empty lines a second are the rate."""
Sink = Callable[[str, list[str]], None]
"""(stream, lines)"""


class Allowance:
    """A token bucket: how long to wait before more is read."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at = burst, now

    def take(self, amount: int, now: float) -> float:
        """Takes it, and says after how many seconds the next may be taken; 0: at once."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate) - amount
        self._at = now
        return max(0.0, -self._left / self._rate)


class Pipe:
    """The reading end of one stream of a container."""

    def __init__(self, descriptor: int, read: Callable[[bytes], None], allowance: Allowance) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor: int | None = descriptor
        self._read, self._allowance = read, allowance
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(descriptor, self._readable)

    def _readable(self) -> None:
        if self._descriptor is None:
            return
        try:
            data = os.read(self._descriptor, CHUNK)
        except BlockingIOError:
            return
        self._read(data)
        if not data:
            self.close()
            return
        seconds = self._allowance.take(len(data) + LINE_COST * data.count(b"\n"), self._loop.time())
        if seconds and self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            self._pause = self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        if self._descriptor is not None:
            self._loop.add_reader(self._descriptor, self._readable)

    def close(self) -> None:
        """Whoever still writes to it gets EPIPE."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(descriptor)
        os.close(descriptor)
        if not self.ended.done():
            self.ended.set_result(None)


class Log:
    """One container's file, `<name>.log`; the part before the last rotation is `<name>.log.1`."""

    def __init__(self, path: Path, sink: Sink | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file: FileIO | None = self._open()
        self._size = os.fstat(self._file.fileno()).st_size if self._file else 0
        self._sink = sink
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._pipes: list[Pipe] = []
        self._allowance = Allowance(RATE, BURST, asyncio.get_running_loop().time())

    def pipe(self, stream: str) -> int:
        """The end that the process writes to; whoever starts it closes ours."""
        reading, writing = os.pipe()
        rest = bytearray()

        def read(data: bytes) -> None:
            rest.extend(data)
            self._split(stream, rest, final=not data)

        self._pipes = [pipe for pipe in self._pipes if not pipe.ended.done()]
        self._pipes.append(Pipe(reading, read, self._allowance))
        return writing

    async def drained(self, timeout: float = 1.0) -> None:
        """Until the pipes of an ended process are read (a daemon of its may hold them open for ever, so not for long)."""
        if waiting := [pipe.ended for pipe in self._pipes if not pipe.ended.done()]:
            await asyncio.wait(waiting, timeout=timeout)

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
        """Readers first, then the file."""
        for pipe in self._pipes:
            pipe.close()
        self._pipes.clear()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> FileIO:
        return FileIO(self._path, "a", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))

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
        if self._file is None:
            return
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"
        data = "".join(f"{at} {stream} {tag} {line}\n" for line, tag in lines).encode("utf-8", "replace")
        if self._size + len(data) > LARGEST:
            self._rotate()
        self._file.write(data)
        self._size += len(data)
        texts = [line for line, _ in lines]
        self._last.extend(texts)
        if self._sink is not None:
            self._sink(stream, texts)

    def _rotate(self) -> None:
        if self._file is not None:
            self._file.close()
        self._path.rename(self._path.with_name(self._path.name + ".1"))
        self._file = self._open()
        self._size = 0
