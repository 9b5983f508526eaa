"""The state machine of a circuit breaker. Pure: it calls nothing, and its clock is a parameter.

    closed      requests pass; failures are counted over a window
    open        requests are refused until `open_seconds` have passed; each opening in a row doubles them
    half-open   some requests pass as probes: enough successes close the circuit, one failure opens it again

It opens when, within the window, at least `min_volume` requests ended and at least `failure_ratio` of them failed.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

BUCKETS = 10
"""Of a window: results leave it in steps of a tenth."""
MAX_DOUBLINGS = 16
"""Of the time that a circuit stays open; `max_open_seconds` bounds it earlier."""


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class Policy:
    """`probes`: requests at a time while half-open. `successes`: that close the circuit."""

    window_seconds: float = 30.0
    min_volume: int = 10
    failure_ratio: float = 0.5
    open_seconds: float = 5.0
    max_open_seconds: float = 60.0
    probes: int = 1
    successes: int = 2


class Open(Exception):
    """The circuit is open. `retry_after_seconds`: until it lets a probe through."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"the circuit is open for another {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


@dataclass(slots=True)
class _Bucket:
    number: int
    total: int = 0
    failed: int = 0


class CircuitBreaker:
    """For each request: `admit`, then exactly one of `record_success`, `record_failure` and `release` with the permit that it returned.

    A permit is the number of the state in which the request was admitted. The result of a request from an earlier state
    is ignored: a request that was sent before the circuit opened, and fails ten seconds later, does not open it again.
    """

    def __init__(self, policy: Policy, now: Callable[[], float] = time.monotonic, on_change: Callable[[State], None] = lambda state: None) -> None:
        self._policy = policy
        self._now = now
        self._on_change = on_change
        self._buckets: deque[_Bucket] = deque()
        self._state = State.CLOSED
        self._number = 0
        self._open_until = 0.0
        self._openings = 0
        self._probes = 0
        self._successes = 0

    @property
    def state(self) -> State:
        """A circuit whose time is over is half-open, although no request has come yet."""
        if self._state is State.OPEN and self._now() >= self._open_until:
            return State.HALF_OPEN
        return self._state

    @property
    def retry_after_seconds(self) -> int:
        """Until the next probe may pass; at least 1."""
        return max(1, ceil(self._open_until - self._now()))

    def admit(self) -> int:
        """Let a request pass. Returns its permit. Raises Open."""
        if self._state is State.OPEN and self._now() >= self._open_until:
            self._probes = self._successes = 0
            self._change(State.HALF_OPEN)
        if self._state is State.CLOSED:
            return self._number
        if self._state is State.OPEN or self._probes >= self._policy.probes:
            raise Open(self.retry_after_seconds)
        self._probes += 1
        return self._number

    def release(self, permit: int) -> None:
        """The request ended without saying anything about what it called."""
        if permit == self._number and self._state is State.HALF_OPEN:
            self._probes -= 1

    def record_success(self, permit: int) -> None:
        if permit != self._number:
            return
        if self._state is State.CLOSED:
            self._bucket().total += 1
            return
        self._probes -= 1
        self._successes += 1
        if self._successes >= self._policy.successes:
            self._buckets.clear()
            self._openings = 0
            self._change(State.CLOSED)

    def record_failure(self, permit: int) -> None:
        if permit != self._number:
            return
        if self._state is State.HALF_OPEN:
            self._open()
            return
        bucket = self._bucket()
        bucket.total += 1
        bucket.failed += 1
        total, failed = sum(each.total for each in self._buckets), sum(each.failed for each in self._buckets)
        if total >= self._policy.min_volume and failed >= total * self._policy.failure_ratio:
            self._open()

    def _open(self) -> None:
        seconds = min(self._policy.open_seconds * 2**self._openings, self._policy.max_open_seconds)
        self._openings = min(self._openings + 1, MAX_DOUBLINGS)
        self._open_until = self._now() + seconds
        self._change(State.OPEN)

    def _change(self, state: State) -> None:
        self._state = state
        self._number += 1
        self._on_change(state)

    def _bucket(self) -> _Bucket:
        """The bucket of now, after those that left the window are dropped."""
        number = int(self._now() / (self._policy.window_seconds / BUCKETS))
        while self._buckets and self._buckets[0].number <= number - BUCKETS:
            self._buckets.popleft()
        if not self._buckets or self._buckets[-1].number != number:
            self._buckets.append(_Bucket(number))
        return self._buckets[-1]
