"""Pages that follow something: fragments of HTML as server-sent events."""

from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

from functions.edge.dashboard.api import ApiProblem
from functions.wire.server_sent_events import MEDIA_TYPE, Event, encode_retry

RETRY_MILLISECONDS = 3000

__all__ = ["Event", "stream_response"]


def stream_response(events: AsyncIterator[Event]) -> StreamingResponse:
    """Send events until they end. A refused call or the time limit ends the stream; the browser connects again."""
    return StreamingResponse(_encoded(events), media_type=MEDIA_TYPE, headers={"x-accel-buffering": "no"})


async def _encoded(events: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    try:
        async for event in events:
            yield event.encode()
    except (ApiProblem, TimeoutError):
        yield encode_retry(RETRY_MILLISECONDS)
