"""Frames to a client of HTTP/2: those of the protocol at once, responses in turn as far as the client has room for them."""

import asyncio
from collections.abc import Callable

from h2.connection import H2Connection

from knative.local.serving.http.http2.frame_gate import MAX_FRAME_BYTES, FrameGate
from knative.local.serving.http.http2.streams import Stream

FRAMES_IN_TURN = 4
"""Of one response, before others get their turn."""
MAX_OUTPUT_BYTES = 1 << 20
"""What a client that reads nothing may have the transport hold."""


class Sender:
    def __init__(self, connection: H2Connection, gate: FrameGate, on_sent: Callable[[Stream], None]) -> None:
        """`on_sent`: called with each stream after the last frame of its response."""
        self._h2, self._gate, self._on_sent = connection, gate, on_sent
        self._loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self._unsent: dict[int, Stream] = {}
        """Streams that have more to send, the next one first."""
        self.sent_at = self._loop.time()
        """On the loop's clock: the last frame of a response."""
        self.is_blocked = False
        """The transport takes no more."""
        self.is_held = False
        """Frames are collected, because more follow at once."""
        self.is_over = False
        """The connection has failed: nothing is sent for its streams any more."""

    def add(self, stream: Stream) -> None:
        """The stream has something to send."""
        self._unsent.setdefault(stream.id, stream)
        if not self.is_held:
            self.send()

    def discard(self, stream: Stream) -> None:
        self._unsent.pop(stream.id, None)

    @property
    def unsent_bytes(self) -> int:
        return sum(stream.unsent_bytes for stream in self._unsent.values())

    def send(self) -> None:
        """Send what there is room for, a few frames of each response in turn."""
        is_going_on = True
        while is_going_on and self._unsent and not (self.is_blocked or self.is_over):
            is_going_on = False
            for stream in list(self._unsent.values()):
                is_going_on |= self._send_turn(stream)
                self.write_frames()
                if self.is_blocked:
                    break
        self.write_frames()

    def _send_turn(self, stream: Stream) -> bool:
        """Return whether something was sent."""
        if self.is_over or self._unsent.pop(stream.id, None) is None:
            return False
        queue, count, is_whole = stream.queue, 0, False
        while queue and count < FRAMES_IN_TURN:
            first, is_last = queue[0], stream.is_ended and len(queue) == 1
            if isinstance(first, memoryview):
                room = min(self._h2.local_flow_control_window(stream.id), MAX_FRAME_BYTES)
                if room <= 0:
                    break
                data, queue[0] = first[:room], first[room:]
                is_whole = is_last and not queue[0]
                self._h2.send_data(stream.id, data, end_stream=is_whole)
                stream.unsent_bytes -= len(data)
                if not queue[0]:
                    queue.popleft()
            else:
                is_whole = is_last
                self._h2.send_headers(stream.id, first, end_stream=is_whole)
                queue.popleft()
            count += 1
            self._gate.give_for_response()
        if stream.is_ended and not queue and not is_whole:
            self._h2.end_stream(stream.id)
            is_whole = True
        if count:
            self.sent_at = self._loop.time()
        if is_whole:
            self._on_sent(stream)
        else:
            if queue:
                self._unsent[stream.id] = stream
            stream.pace_pod()
        return bool(count)

    def write_frames(self) -> None:
        """Write what the library has for the client."""
        if not self.is_held:
            self.write(self._h2.data_to_send())

    def write(self, frames: bytes) -> None:
        if frames and self.transport is not None and not self.transport.is_closing():
            self.transport.write(frames)
            if self.is_blocked and self.transport.get_write_buffer_size() > MAX_OUTPUT_BYTES:
                self.transport.abort()
