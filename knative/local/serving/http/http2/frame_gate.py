"""Which frames of a client reach the HTTP/2 library (pure): a budget for what costs the client less than the server.

The heads of frames are read before the library parses anything, so a flood costs little: pings, settings, priorities, empty frames (CVE-2019-9512,
-9515, -9518), streams that are opened and reset at once (CVE-2023-44487), field blocks that do not end (CVE-2024-27316), and frames above the
maximum, which h2 4.4 collects whole before it refuses them.

GOAWAY is not passed on: h2 takes it as the end of the connection, but a client that says it opens no more streams still awaits its responses
(RFC 9113 section 6.8).
"""

from dataclasses import dataclass

PREFACE_BYTES = 24
HEAD_BYTES = 9
MAX_FRAME_BYTES = 1 << 14
"""SETTINGS_MAX_FRAME_SIZE of this server: the initial value."""
MAX_BLOCK_BYTES = 128 << 10
"""Of a field block, compressed, with its continuations."""
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS = 0x1, 0x4
FRAME_SIZE_ERROR, ENHANCE_YOUR_CALM = 0x6, 0xB
"""Error codes (RFC 9113 section 7)."""
BYTES_PER_COST = 64
"""A control frame costs 1, and 1 more for each of these: settings are 6 bytes each."""


class FrameFault(Exception):
    """The connection ends. `code`: of GOAWAY. The message is its debug data."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class Budget:
    """A token bucket. `capacity`: at the start and at most. `per_second`: what comes back."""

    capacity: float
    per_second: float
    left: float
    at: float

    def spend(self, cost: float, now: float) -> bool:
        """Return whether it was enough. `now`: on the loop's clock."""
        self.left = min(self.capacity, self.left + (now - self.at) * self.per_second) - cost
        self.at = now
        return self.left >= 0

    def give(self, amount: float) -> None:
        self.left = min(self.capacity, self.left + amount)


class FrameGate:
    """Reads the frames of one client, whatever pieces they arrive in."""

    def __init__(self, now: float) -> None:
        self._control = Budget(2000, 200, 2000, now)
        self._resets = Budget(500, 33, 500, now)
        """A burst is a page with many images that a browser leaves."""
        self._head = b""
        """The beginning of a frame, less than its head."""
        self._kind = -1
        """Of the present frame. At the start it is the preface."""
        self._payload_bytes = PREFACE_BYTES
        """Of the present frame, still to come."""
        self._block_bytes = 0
        self._block_since: float | None = None
        """When the field block began that has not ended."""

    @property
    def block_since(self) -> float | None:
        """When the field block began that has not arrived whole; None: there is none."""
        is_whole = self._block_since is None and not (self._payload_bytes and self._kind in (HEADERS, CONTINUATION))
        return None if is_whole else self._block_since or self._frame_since

    def give_for_response(self) -> None:
        """A frame of a response was sent: clients answer with updates of the windows of stream and connection."""
        self._control.give(4)

    def charge_reset(self, now: float) -> None:
        """A stream ended at once, by the client or because of it. Raises FrameFault."""
        if not self._resets.spend(1, now):
            raise FrameFault(ENHANCE_YOUR_CALM, "Too many streams were reset.")

    def read(self, data: bytes, now: float) -> bytes:
        """Return what the library may parse. Raises FrameFault."""
        if self._payload_bytes >= len(data):  # within one frame
            self._payload_bytes -= len(data)
            return b"" if self._kind == GOAWAY else data
        if self._head:
            data, self._head = self._head + data, b""
        passed: list[bytes] = []
        start = position = 0
        end = len(data)
        while position < end:
            if self._payload_bytes:
                step = min(self._payload_bytes, end - position)
                self._payload_bytes -= step
                position += step
                if self._kind == GOAWAY:
                    start = position
                continue
            if end - position < HEAD_BYTES:
                self._head, end = data[position:], position
                break
            self._begin_frame(int.from_bytes(data[position : position + 3], "big"), data[position + 3], data[position + 4], now)
            if self._kind == GOAWAY:
                passed.append(data[start:position])
                start = position + HEAD_BYTES
            position += HEAD_BYTES
        passed.append(data[start:end])
        return b"".join(passed)

    def _begin_frame(self, length: int, kind: int, flags: int, now: float) -> None:
        if length > MAX_FRAME_BYTES:
            raise FrameFault(FRAME_SIZE_ERROR, f"A frame has more than {MAX_FRAME_BYTES} bytes.")
        self._kind, self._payload_bytes, self._frame_since = kind, length, now
        if kind == HEADERS or (kind == DATA and (length or flags & END_STREAM)):
            cost = 0
        else:
            cost = 1 + length // BYTES_PER_COST if kind != CONTINUATION else 1
        if cost and not self._control.spend(cost, now):
            raise FrameFault(ENHANCE_YOUR_CALM, "Too many control frames.")
        if kind in (HEADERS, CONTINUATION):
            self._read_block(length, kind == HEADERS, bool(flags & END_HEADERS), now)
        elif kind == RST_STREAM:
            self.charge_reset(now)

    def _read_block(self, length: int, is_first: bool, is_last: bool, now: float) -> None:
        self._block_bytes = length + (0 if is_first else self._block_bytes)
        if self._block_bytes > MAX_BLOCK_BYTES:
            raise FrameFault(ENHANCE_YOUR_CALM, f"A field block has more than {MAX_BLOCK_BYTES} bytes.")
        if is_last:
            self._block_since = None
        elif is_first:
            self._block_since = now
