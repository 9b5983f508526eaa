"""Executions of functions by outcome, with their durations: counted in a function's process, added up at the gateway. Pure.

A function scales to zero, so nothing can scrape it. Its process publishes what it has counted to `capsule.replies` with the
routing key EXECUTIONS_COUNTED, at most once a second, and every gateway receives it.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

EXECUTIONS_COUNTED = "executions.counted"
MAX_NUMBER = 1_000_000_000
"""Of executions and seconds in one message: what a process cannot have counted is no count."""
MAX_ERROR_LENGTH = 200
OUTCOMES = frozenset({"done", "rejected", "failed", "retried", "duplicate", "skipped", "parked", "expired", "dead"})
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds. Longer executions are in a last bucket without bound."""


class MalformedCounts(ValueError):
    """The message does not hold counts. The text says why."""


@dataclass(slots=True)
class FunctionCounts:
    """Of one function. `buckets`: executions by duration, not cumulative. `cold_starts`: processes that executed a first message."""

    outcomes: Counter[str] = field(default_factory=Counter)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0
    cold_starts: int = 0


class ExecutionCounts:
    def __init__(self) -> None:
        self._by_function: dict[str, FunctionCounts] = {}

    def __bool__(self) -> bool:
        return bool(self._by_function)

    def __iter__(self) -> Iterator[tuple[str, FunctionCounts]]:
        return iter(self._by_function.items())

    def record(self, function: str, outcome: str, seconds: float, *, is_cold: bool) -> None:
        counts = self._of(function)
        counts.outcomes[outcome] += 1
        counts.buckets[bisect_left(BUCKETS, seconds)] += 1
        counts.seconds += seconds
        counts.cold_starts += is_cold

    def add(self, other: "ExecutionCounts") -> None:
        for function, counts in other:
            own = self._of(function)
            own.outcomes.update(counts.outcomes)
            own.buckets = [one + another for one, another in zip(own.buckets, counts.buckets, strict=True)]
            own.seconds += counts.seconds
            own.cold_starts += counts.cold_starts

    def _of(self, function: str) -> FunctionCounts:
        counts = self._by_function.get(function)
        if counts is None:
            counts = self._by_function[function] = FunctionCounts()
        return counts

    def to_json(self) -> bytes:
        return orjson.dumps(
            {
                function: {"outcomes": dict(counts.outcomes), "buckets": counts.buckets, "seconds": counts.seconds, "coldStarts": counts.cold_starts}
                for function, counts in self
            }
        )

    @classmethod
    def from_json(cls, body: bytes) -> "ExecutionCounts":
        """Raises MalformedCounts."""
        counts = cls()
        try:
            counts._by_function = {str(function): _read(document) for function, document in orjson.loads(body).items()}
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise MalformedCounts(f"{type(error).__name__}: {error}"[:MAX_ERROR_LENGTH]) from error
        return counts


def _read(document: Mapping[str, Any]) -> FunctionCounts:
    outcomes = Counter({outcome: _count(number) for outcome, number in document["outcomes"].items()})
    buckets = [_count(number) for number in document["buckets"]]
    if unknown := outcomes.keys() - OUTCOMES:
        raise ValueError(f"unknown outcomes {', '.join(sorted(unknown))}")
    if len(buckets) != len(BUCKETS) + 1 or sum(buckets) != outcomes.total():
        raise ValueError(f"{len(buckets)} buckets with {sum(buckets)} of {outcomes.total()} executions")
    return FunctionCounts(outcomes, buckets, _seconds(document["seconds"]), _count(document["coldStarts"]))


def _count(number: Any) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= MAX_NUMBER:
        raise ValueError(f"{number!r:.40} is no count")
    return number


def _seconds(number: Any) -> float:
    if not isinstance(number, int | float) or isinstance(number, bool) or not 0 <= number <= MAX_NUMBER:  # not inf, not nan
        raise ValueError(f"{number!r:.40} is no number of seconds")
    return float(number)
