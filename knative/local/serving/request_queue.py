"""Requests that wait until a pod has capacity, in order of arrival."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from knative.local.serving.pods.pod import Pod

STOPPED = "This application has just been stopped. Its owner finds out why with `capsule status`."


class Unavailable(Exception):
    """No pod handles the request. The message is for the client."""


class NotReadyInTime(Unavailable):
    """No pod was ready within the time that the request may wait. One may be starting."""


class RequestQueue:
    def __init__(self, find_pod: Callable[[], Pod | None]) -> None:
        """`find_pod` returns a pod with capacity, None when there is none."""
        self._find_pod = find_pod
        self._waiting: deque[asyncio.Future[Pod]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def enqueue(self) -> "asyncio.Future[Pod]":
        """Return a future for a pod. Its `in_flight` counts the request already when the future is done."""
        future: asyncio.Future[Pod] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    def cancel(self, future: "asyncio.Future[Pod]") -> None:
        with suppress(ValueError):
            self._waiting.remove(future)
        if future.done() and not future.cancelled() and future.exception() is None:
            future.result().in_flight -= 1  # a pod was assigned at the moment of the cancellation
            self.dispatch()

    def dispatch(self) -> None:
        """Assign waiting requests to pods with capacity."""
        while self._waiting and (pod := self._find_pod()) is not None:
            future = self._waiting.popleft()
            if not future.done():
                pod.in_flight += 1
                future.set_result(pod)

    def fail(self, reason: str) -> None:
        """Fail every waiting request with Unavailable. Each waiter removes itself with `cancel`."""
        for future in self._waiting:
            if not future.done():
                future.set_exception(Unavailable(reason))
