"""Replies of one turn of the event loop to one queue, which travel as one message (`wire.reply_batches`).

RabbitMQ's CPU for a message that nobody confirms hardly depends on its size, and most of what reading it costs is that of its frames. A reply that
is alone in its turn is sent as it is. No reply waits for a timer.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

from functions.wire import reply_batches
from functions.wire.reply_batches import Reply

MAX_REPLIES = 64
MAX_BATCH_BYTES = 64 << 10
"""Of the bodies in one message. A larger body is sent alone."""


class ReplyBatches:
    """`publish(queue, headers, body, content_type)` sends a message. `content_type`: None for a reply as it is."""

    def __init__(self, publish: Callable[[str, Mapping[str, str], bytes, str | None], None]) -> None:
        self._publish = publish
        self._replies: dict[str, list[Reply]] = {}

    def add(self, queue: str, headers: Mapping[str, str], body: bytes) -> None:
        """Send a reply at the end of this turn of the event loop."""
        if not self._replies:
            asyncio.get_running_loop().call_soon(self.flush)
        self._replies.setdefault(queue, []).append((headers, body))

    def flush(self) -> None:
        replies, self._replies = self._replies, {}
        for queue, own in replies.items():
            for batch in _batches(own):
                if len(batch) == 1:
                    self._publish(queue, *batch[0], None)
                else:
                    self._publish(queue, {}, reply_batches.encode(batch), reply_batches.CONTENT_TYPE)


def _batches(replies: Sequence[Reply]) -> Iterator[Sequence[Reply]]:
    """Cut replies into batches within the limits, in their order."""
    batch: list[Reply] = []
    size = 0
    for reply in replies:
        if batch and (len(batch) == MAX_REPLIES or size + len(reply[1]) > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(reply)
        size += len(reply[1])
    yield batch
