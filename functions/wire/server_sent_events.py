"""Server-sent events as bytes (WHATWG HTML, section 9.2)."""

from dataclasses import dataclass

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = b": heartbeat\n\n"
"""A comment: clients ignore it, and proxies see that the connection is in use."""


@dataclass(frozen=True, slots=True)
class Event:
    """`id`: what the client sends as Last-Event-ID when it connects again."""

    name: str
    data: str
    id: str | None = None

    def encode(self) -> bytes:
        lines = [f"event: {self.name}", *([f"id: {self.id}"] if self.id else []), *(f"data: {line}" for line in self.data.split("\n"))]
        return ("\n".join(lines) + "\n\n").encode()


def encode_retry(milliseconds: int) -> bytes:
    """How long the client waits before it connects again."""
    return f"retry: {milliseconds}\n\n".encode()
