"""How an attached container's streams share one WebSocket: the channel protocols of the Kubernetes API.

Each binary message begins with one byte, the channel; the rest is its data (kubernetes/kubernetes,
staging/src/k8s.io/client-go/tools/remotecommand/websocket.go). Version 5 can close one direction of a channel: byte 255, then the
channel. Without that a command that reads a pipe to its end never sees the end.
"""

from dataclasses import dataclass

import orjson

V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
MAX_MESSAGE_BYTES = 1 << 20
CHUNK_BYTES = 1 << 15
"""Of output in one message."""
MAX_SIZE = 65535


@dataclass(frozen=True, slots=True)
class TerminalSize:
    columns: int
    rows: int


def message(channel: int, data: bytes) -> bytes:
    return bytes((channel,)) + data


def split(received: bytes | str) -> tuple[int, bytes]:
    """Return (channel, data). Some clients send text. Raises ValueError for an empty message."""
    content = received.encode() if isinstance(received, str) else received
    if not content:
        raise ValueError("a message without a channel")
    return content[0], content[1:]


def closing(channel: int) -> bytes:
    return bytes((CLOSE, channel))


def parse_size(data: bytes) -> TerminalSize | None:
    """Parse the data of a message on the resize channel; None for anything but two numbers from 1 to 65535."""
    try:
        document = orjson.loads(data)
        columns, rows = document["Width"], document["Height"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    if not all(type(each) is int and 1 <= each <= MAX_SIZE for each in (columns, rows)):
        return None
    return TerminalSize(columns, rows)
