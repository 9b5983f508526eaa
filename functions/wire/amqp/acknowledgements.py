"""Acknowledge deliveries of one channel in batches: once per turn of the event loop, the longest completed run in one frame."""

import asyncio
from typing import Any


class Acknowledgements:
    """`outstanding`: delivery tags that are not acknowledged yet, in order of delivery. `done`: those to acknowledge at the next flush."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self.outstanding: dict[int, None] = {}
        self.done: set[int] = set()
        self._is_flush_scheduled = False

    def add(self, tag: int) -> None:
        """Record a delivery."""
        self.outstanding[tag] = None

    def acknowledge(self, tag: int) -> None:
        """Acknowledge a delivery in this turn of the event loop."""
        self.done.add(tag)
        if not self._is_flush_scheduled:
            self._is_flush_scheduled = True
            asyncio.get_running_loop().call_soon(self.flush)

    def requeue(self, tag: int) -> None:
        """Return a delivery to its queue now."""
        if self._channel.is_open and tag in self.outstanding:
            del self.outstanding[tag]
            self._channel.basic_nack(tag, requeue=True)

    def flush(self) -> None:
        """Send what is to be acknowledged. A closed channel has returned its deliveries to the queue already."""
        self._is_flush_scheduled = False
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
