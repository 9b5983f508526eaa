"""A container's output in the log format of container runtimes (CRI): `<time> <stream> F <line>`, bounded in size by rotation and in rate.

Lines are written from the event loop as they arrive: a write to the page cache is cheaper than a thread. They are whole
up to 64 KiB (`functions.wire.log_lines`). The last lines stay in memory: they are the message of a container that
failed.

A container that prints faster than `RATE_BYTES_PER_SECOND` blocks in its own write(2), as it would on a slow terminal:
nothing is lost and nobody else is slowed down. The platform's own functions are exempt: they print a line for each
execution, and a limit on lines would be one on executions. Each descriptor belongs to one `Pipe`, which removes its reader from the
event loop before it closes the descriptor. Output after `close` is dropped.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from functions.wire.log_lines import LineSplitter, bounded_line, decode_prefix

MAX_FILE_BYTES = 10 << 20
TAIL_LINES, TAIL_BYTES = 80, 2048
CHUNK_BYTES = 1 << 16
RATE_BYTES_PER_SECOND, BURST_BYTES = 256 << 10, 1 << 20
LINE_COST_BYTES = 128
"""Counted for each line in addition to its bytes: short lines cost the platform as much as long ones. The rate
allows 2,000 empty lines a second."""
Sink = Callable[[str, list[str]], None]
"""(stream, lines)"""


class TokenBucket:
    """Limits the rate at which output is read."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._updated_at = burst, now

    def take(self, amount: int, now: float) -> float:
        """Take tokens, more than there are if necessary. Returns the seconds to wait before the next take."""
        self._tokens = min(self._burst, self._tokens + (now - self._updated_at) * self._rate) - amount
        self._updated_at = now
        return max(0.0, -self._tokens / self._rate)


class Pipe:
    """The reading end of one stream of a container.

    `on_data` is called with each chunk, and with b"" at the end of the stream.
    """

    def __init__(self, descriptor: int, on_data: Callable[[bytes], None], bucket: TokenBucket | None) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor: int | None = descriptor
        self._on_data, self._bucket = on_data, bucket
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(descriptor, self._readable)

    def _readable(self) -> None:
        if self._descriptor is None:
            return
        try:
            data = os.read(self._descriptor, CHUNK_BYTES)
        except BlockingIOError:
            return
        self._on_data(data)
        if not data:
            self.close()
            return
        if self._bucket is None:
            return
        seconds = self._bucket.take(len(data) + LINE_COST_BYTES * data.count(b"\n"), self._loop.time())
        if seconds and self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            self._pause = self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        if self._descriptor is not None:
            self._loop.add_reader(self._descriptor, self._readable)

    def close(self) -> None:
        """Close the pipe; a process that still writes to it gets EPIPE. Idempotent."""
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
    """One container's log file, `<name>.log`; the part before the last rotation is `<name>.log.1`.

    `sink` receives every line too. `is_limited`: whether its container waits when it prints faster than the rate.
    """

    def __init__(self, path: Path, sink: Sink | None = None, *, is_limited: bool = True) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file: FileIO | None = self._open()
        self._size = os.fstat(self._file.fileno()).st_size if self._file else 0
        self._sink = sink
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._pipes: list[Pipe] = []
        now = asyncio.get_running_loop().time()
        self._bucket = TokenBucket(RATE_BYTES_PER_SECOND, BURST_BYTES, now) if is_limited else None

    def open_pipe(self, stream: str) -> int:
        """Return a descriptor for a process to write to. The caller closes it after it has started the process."""
        reading, writing = os.pipe()
        splitter = LineSplitter()

        def on_data(data: bytes) -> None:
            self._write(stream, splitter.feed(data) if data else splitter.end())

        self._pipes = [pipe for pipe in self._pipes if not pipe.ended.done()]
        self._pipes.append(Pipe(reading, on_data, self._bucket))
        return writing

    async def drain(self, timeout_seconds: float = 1.0) -> None:
        """Wait until the pipes of an ended process are read.

        A daemon may hold them open, so not longer than the timeout.
        """
        if waiting := [pipe.ended for pipe in self._pipes if not pipe.ended.done()]:
            await asyncio.wait(waiting, timeout=timeout_seconds)

    def write_line(self, line: str, stream: str = "stderr") -> None:
        """Write a text of the platform, usually one line."""
        self._write(stream, [bounded_line(each) for each in line.splitlines()])

    @property
    def tail(self) -> str:
        """The last lines, at most 2 KiB (Kubernetes' FallbackToLogsOnError). Of a longer last line, its beginning."""
        lines: list[str] = []
        left = TAIL_BYTES
        for line in reversed(self._tail):
            left -= len(line.encode()) + 1
            if left < 0:
                break
            lines.append(line)
        if not lines and self._tail:
            lines = [decode_prefix(self._tail[-1].encode()[: TAIL_BYTES - 4]) + "…"]
        return "\n".join(reversed(lines)).strip()

    def clear_tail(self) -> None:
        self._tail.clear()

    def close(self) -> None:
        """Close the pipes, then the file. Idempotent."""
        for pipe in self._pipes:
            pipe.close()
        self._pipes.clear()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> FileIO:
        return FileIO(self._path, "a", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))

    def _write(self, stream: str, lines: list[str]) -> None:
        if self._file is None or not lines:
            return
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"
        data = "".join(f"{at} {stream} F {line}\n" for line in lines).encode()
        if self._size + len(data) > MAX_FILE_BYTES:
            self._rotate()
        self._file.write(data)
        self._size += len(data)
        self._tail.extend(lines)
        if self._sink is not None:
            self._sink(stream, lines)

    def _rotate(self) -> None:
        if self._file is not None:
            self._file.close()
        self._path.rename(self._path.with_name(self._path.name + ".1"))
        self._file = self._open()
        self._size = 0
