"""Acknowledging what was delivered on one channel: gathered for a turn of the loop, the longest finished run in one frame."""

import asyncio
from typing import Any


class Acks:
    """`outstanding`: delivered and not acknowledged yet, in the order of delivery."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self.outstanding: dict[int, None] = {}
        self.done: set[int] = set()
        self._flushing = False

    def delivered(self, tag: int) -> None:
        self.outstanding[tag] = None

    def settled(self, tag: int) -> None:
        self.done.add(tag)
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self.flush)

    def returned(self, tag: int) -> None:
        """Back into the queue, at once."""
        if self._channel.is_open and tag in self.outstanding:
            del self.outstanding[tag]
            self._channel.basic_nack(tag, requeue=True)

    def flush(self) -> None:
        self._flushing = False
        done, outstanding, channel = self.done, self.outstanding, self._channel
        if not done or not channel.is_open:
            return
        last = None
        for tag in outstanding:
            if tag not in done:
                break
            last = tag
        if last is not None:
            channel.basic_ack(last, multiple=True)
            for tag in [tag for tag in done if tag <= last]:
                done.discard(tag)
                outstanding.pop(tag, None)
        for tag in done:
            channel.basic_ack(tag)
            outstanding.pop(tag, None)
        done.clear()
