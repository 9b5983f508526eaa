"""Server-sent events (WHATWG HTML, section 9.2)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.responses import StreamingResponse

from functions.edge.dashboard.api import ApiProblem


@dataclass(frozen=True, slots=True)
class Event:
    """`id`: what the browser sends as Last-Event-ID when it connects again."""

    name: str
    data: str
    id: str | None = None

    def encode(self) -> bytes:
        lines = [f"event: {self.name}", *([f"id: {self.id}"] if self.id else []), *(f"data: {line}" for line in self.data.split("\n"))]
        return ("\n".join(lines) + "\n\n").encode()


def stream_response(events: AsyncIterator[Event]) -> StreamingResponse:
    """Send events until they end. A refused call or the time limit ends the stream; the browser connects again."""
    return StreamingResponse(_encoded(events), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


async def _encoded(events: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    try:
        async for event in events:
            yield event.encode()
    except (ApiProblem, TimeoutError):
        yield b"retry: 3000\n\n"
