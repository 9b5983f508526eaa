"""Executions of all functions since this gateway started, added up from what their processes publish (`functions.wire.execution_counts`)."""

import logging
from collections.abc import Container, Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString

from functions.edge.gateway import metric_declarations as declared
from functions.wire.execution_counts import BUCKETS, ExecutionCounts, MalformedCounts

_BOUNDS = [floatToGoString(bound) for bound in (*BUCKETS, float("inf"))]  # type: ignore[no-untyped-call]
_log = logging.getLogger("capsule.metrics")


class ExecutionTotals:
    """`functions`: the names of all functions. Counts of others are dropped, so labels stay bounded."""

    def __init__(self, functions: Container[str]) -> None:
        self._functions = functions
        self._totals = ExecutionCounts()

    def on_message(self, body: bytes) -> None:
        """Add what a process has counted."""
        try:
            counts = ExecutionCounts.from_json(body)
        except MalformedCounts as error:
            _log.warning("counts of executions are dropped: %s", error)
            return
        if unknown := [function for function, _ in counts if function not in self._functions]:
            _log.warning("counts of executions of unknown functions are dropped: %s", repr(unknown)[:200])
            return
        self._totals.add(counts)

    def collect(self) -> Iterator[Metric]:
        executions = CounterMetricFamily(declared.EXECUTIONS.name, declared.EXECUTIONS.meaning, labels=declared.EXECUTIONS.labels)
        seconds = HistogramMetricFamily(declared.EXECUTION_SECONDS.name, declared.EXECUTION_SECONDS.meaning, labels=declared.EXECUTION_SECONDS.labels)
        cold_starts = CounterMetricFamily(declared.COLD_STARTS.name, declared.COLD_STARTS.meaning, labels=declared.COLD_STARTS.labels)
        for function, counts in self._totals:
            for outcome, number in counts.outcomes.items():
                executions.add_metric((function, outcome), number)
            cumulative = zip(_BOUNDS, accumulate(counts.buckets), strict=True)
            seconds.add_metric((function,), [(bound, number) for bound, number in cumulative], counts.seconds)
            cold_starts.add_metric((function,), counts.cold_starts)
        yield from (executions, seconds, cold_starts)
