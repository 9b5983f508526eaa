"""The standard streams of a container that clients may attach to (`stdin` or `tty` in its specification).

With `tty` they are one pseudo-terminal, else three pipes. What the container writes goes to the clients that are attached
at that time, and to nobody else: the log does not get what a person types and reads. The container waits for a client
that reads slowly, as it would for a slow terminal.
"""

import asyncio
import os
import termios
from collections.abc import Iterable
from contextlib import suppress

from functions.wire.attach_channels import CHUNK_BYTES, STDERR, STDOUT, TerminalSize

MAX_QUEUED_CHUNKS = 16
"""Of output that a client has not read yet."""
END_SECONDS = 1.0
"""After the end of the container, for output that a process outside of it holds open."""


class Attachment:
    """One client. It receives what was written before the end also after the container has ended."""

    def __init__(self, streams: "Streams", channels: Iterable[int], has_stdin: bool) -> None:
        self._streams, self._has_stdin = streams, has_stdin
        self._channels = frozenset(channels)
        self._queue: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._is_bounded = True

    async def receive(self) -> tuple[int, bytes] | None:
        """Return the next (channel, data); None at the end of the output."""
        item = await self._queue.get()
        if self._queue.qsize() < MAX_QUEUED_CHUNKS:
            self._has_room.set()
        return item

    async def write(self, data: bytes) -> None:
        if self._has_stdin:
            await self._streams.write(data)

    def end_input(self) -> None:
        """The client has no more input. A container with `stdinOnce` reads the end of its standard input."""
        if self._has_stdin:
            self._streams.end_input()

    def resize(self, size: TerminalSize) -> None:
        self._streams.resize(size)

    def detach(self) -> None:
        """Idempotent."""
        self.lift_bound()
        self._streams.remove(self)
        self.end_input()

    def lift_bound(self) -> None:
        """Wait for this client no longer."""
        self._is_bounded = False
        self._has_room.set()

    async def put(self, channel: int, data: bytes) -> None:
        """Queue output, as soon as the client has read enough of what is queued."""
        if channel not in self._channels:
            return
        while self._is_bounded and self._queue.qsize() >= MAX_QUEUED_CHUNKS:
            self._has_room.clear()
            await self._has_room.wait()
        self._queue.put_nowait((channel, data))

    def end(self) -> None:
        self._queue.put_nowait(None)


class _Output:
    """The end of a pipe or terminal from which the platform reads."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        self._readable: asyncio.Future[None] | None = None

    async def read(self) -> bytes:
        """Return what there is; b"" at the end, which a terminal reports as EIO (pty(7)), and after `close`."""
        loop = asyncio.get_running_loop()
        while self._descriptor is not None:
            try:
                return os.read(self._descriptor, CHUNK_BYTES)
            except BlockingIOError:
                self._readable = loop.create_future()
                loop.add_reader(self._descriptor, self._wake)
                await self._readable
            except OSError:
                break
        return b""

    def close(self) -> None:
        """Idempotent."""
        if self._descriptor is not None:
            self._wake()
            os.close(self._descriptor)
            self._descriptor = None

    def _wake(self) -> None:
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
        if self._readable is not None and not self._readable.done():
            self._readable.set_result(None)


class _Input:
    """The end of a pipe or terminal to which the platform writes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        self._writable: asyncio.Future[None] | None = None
        self._is_writing = asyncio.Lock()

    async def write(self, data: bytes) -> None:
        """Write everything. Data for a reader that has closed its end is dropped."""
        async with self._is_writing:
            view = memoryview(data)
            while view and self._descriptor is not None:
                try:
                    view = view[os.write(self._descriptor, view) :]
                except BlockingIOError:
                    self._writable = asyncio.get_running_loop().create_future()
                    asyncio.get_running_loop().add_writer(self._descriptor, self._wake)
                    await self._writable
                except OSError:
                    self.close()

    def resize(self, size: TerminalSize) -> None:
        if self._descriptor is not None:
            with suppress(OSError):  # the container has ended
                termios.tcsetwinsize(self._descriptor, (size.rows, size.columns))

    def close(self) -> None:
        """Idempotent."""
        if self._descriptor is not None:
            self._wake()
            os.close(self._descriptor)
            self._descriptor = None

    def _wake(self) -> None:
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_writer(self._descriptor)
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)


class Streams:
    """`has_terminal`, `has_stdin`, `is_stdin_once`: `tty`, `stdin` and `stdinOnce` of the container's specification."""

    def __init__(self, *, has_terminal: bool, has_stdin: bool, is_stdin_once: bool) -> None:
        self.has_terminal = has_terminal
        self._has_stdin, self._is_stdin_once = has_stdin, is_stdin_once
        self._input: _Input | None = None
        self._outputs: dict[int, _Output] = {}
        self._pumps: list[asyncio.Task[None]] = []
        self._attachments: set[Attachment] = set()

    def open_pipes(self) -> tuple[int, int, int]:
        """Return the container's ends: stdin, stdout, stderr. The caller closes them after the start."""
        (stdin, writing), *outputs = (os.pipe() for _ in range(3))
        self._open(writing, {channel: reading for channel, (reading, _) in zip((STDOUT, STDERR), outputs, strict=True)})
        return stdin, outputs[0][1], outputs[1][1]

    def open_terminal(self, master: int) -> None:
        """`master`: of a pseudo-terminal whose other end the container has. The streams close it."""
        self._open(os.dup(master), {STDOUT: master})

    def _open(self, writing: int, reading: dict[int, int]) -> None:
        for descriptor in (writing, *reading.values()):
            os.set_blocking(descriptor, False)
        self._input = _Input(writing)
        self._outputs = {channel: _Output(descriptor) for channel, descriptor in reading.items()}
        if not self._has_stdin and not self.has_terminal:
            self._input.close()
        self._pumps = [asyncio.create_task(self._pump(*each), name="output of a container") for each in self._outputs.items()]

    def attach(self, *, stdin: bool, stdout: bool, stderr: bool) -> Attachment:
        """Call it while the container runs."""
        channels = [channel for channel, is_wanted in ((STDOUT, stdout), (STDERR, stderr)) if is_wanted]
        attachment = Attachment(self, channels, stdin and self._has_stdin)
        self._attachments.add(attachment)
        return attachment

    def remove(self, attachment: Attachment) -> None:
        self._attachments.discard(attachment)

    async def write(self, data: bytes) -> None:
        if self._input is not None:
            await self._input.write(data)

    def end_input(self) -> None:
        if self._is_stdin_once and not self.has_terminal and self._input is not None:
            self._input.close()

    def resize(self, size: TerminalSize) -> None:
        if self.has_terminal and self._input is not None:
            self._input.resize(size)

    async def finish(self) -> None:
        """Read the rest of an ended container's output, and end the attachments."""
        for attachment in self._attachments:
            attachment.lift_bound()
        if self._pumps:
            await asyncio.wait(self._pumps, timeout=END_SECONDS)
        self.close()

    def close(self) -> None:
        """Idempotent."""
        for end in (self._input, *self._outputs.values()):
            if end is not None:
                end.close()
        while self._attachments:
            attachment = self._attachments.pop()
            attachment.lift_bound()
            attachment.end()

    async def _pump(self, channel: int, output: _Output) -> None:
        while data := await output.read():
            for attachment in tuple(self._attachments):
                await attachment.put(channel, data)
