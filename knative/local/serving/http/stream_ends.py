"""Where a response without an end may end when the ingress stops: an event stream between two events, a WebSocket between two frames.

Both ends are those of the protocol, so clients connect again at once, and reach the next process: an EventSource with Last-Event-ID (WHATWG HTML,
section 9.2.3), a WebSocket after a Close frame with the code 1012, "Service Restart" (IANA, WebSocket Close Code Number Registry).
"""

from typing import Protocol

LAST_CHUNK = b"0\r\n\r\n"
_CLOSE_REASON = (1012).to_bytes(2, "big") + b"The server restarts. Connect again."
CLOSE_FRAME = bytes((0x88, len(_CLOSE_REASON))) + _CLOSE_REASON
"""RFC 6455 section 5.5.1, of a server: not masked."""
LENGTH_16, LENGTH_64 = 126, 127


class StreamEnd(Protocol):
    """Follows what the pod sends. `last_bytes`: what ends the response."""

    last_bytes: bytes

    @property
    def is_between(self) -> bool:
        """Whether the stream may end here."""
        ...

    def feed(self, data: bytes) -> None: ...


class EventStreamEnd:
    last_bytes = LAST_CHUNK

    def __init__(self) -> None:
        self._tail = b"\n\n"

    @property
    def is_between(self) -> bool:
        return self._tail.endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))

    def feed(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-4:]


class WebSocketEnd:
    last_bytes = CLOSE_FRAME

    def __init__(self) -> None:
        self._head = b""
        self._remaining_bytes = 0

    @property
    def is_between(self) -> bool:
        return not self._head and not self._remaining_bytes

    def feed(self, data: bytes) -> None:
        while data:
            if not self._remaining_bytes:
                self._head += data
                size = _head_bytes(self._head)
                if size is None or len(self._head) < size:
                    return
                data, self._remaining_bytes = self._head[size:], _payload_bytes(self._head)
                self._head = b""
            consumed = min(len(data), self._remaining_bytes)
            self._remaining_bytes -= consumed
            data = data[consumed:]


def _head_bytes(head: bytes) -> int | None:
    """Return the length of a frame's head (RFC 6455 section 5.2); None: not yet known."""
    if len(head) < 2:
        return None
    length = head[1] & 0x7F
    return 2 + (2 if length == LENGTH_16 else 8 if length == LENGTH_64 else 0) + (4 if head[1] & 0x80 else 0)


def _payload_bytes(head: bytes) -> int:
    length = head[1] & 0x7F
    if length == LENGTH_16:
        return int.from_bytes(head[2:4], "big")
    return int.from_bytes(head[2:10], "big") if length == LENGTH_64 else length


def stream_end_of(status: int, content_type: bytes, is_chunked: bool) -> StreamEnd | None:
    """`is_chunked`: whether the response to the client is. None: the response has an end of its own, or none that is visible."""
    if status == 101:
        return WebSocketEnd()
    is_events = content_type.split(b";")[0].strip().lower() == b"text/event-stream"
    return EventStreamEnd() if is_events and is_chunked else None
