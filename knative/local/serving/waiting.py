"""Requests that wait until a pod has a free place, in the order in which they came."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from knative.local.serving.pods import Pod


class Unavailable(Exception):
    """No pod took the request; the words are for people."""


class Waiting:
    def __init__(self, free: Callable[[], Pod | None]) -> None:
        """`free`: a pod that has a place."""
        self._free = free
        self._places: deque[asyncio.Future[Pod]] = deque()

    def __len__(self) -> int:
        return len(self._places)

    def join(self) -> "asyncio.Future[Pod]":
        place: asyncio.Future[Pod] = asyncio.get_running_loop().create_future()
        self._places.append(place)
        return place

    def leave(self, place: "asyncio.Future[Pod]") -> None:
        with suppress(ValueError):
            self._places.remove(place)
        if place.done() and not place.cancelled() and place.exception() is None:
            place.result().in_flight -= 1  # it was given one in the very moment that it left
            self.hand_out()

    def hand_out(self) -> None:
        while self._places and (pod := self._free()) is not None:
            place = self._places.popleft()
            if not place.done():
                pod.in_flight += 1
                place.set_result(pod)

    def fail(self, why: str) -> None:
        """Nobody will come; each leaves by itself."""
        for place in self._places:
            if not place.done():
                place.set_exception(Unavailable(why))
