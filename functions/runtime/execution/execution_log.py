"""The execution log: JSON lines on stderr, from which monitor builds the timeline of a request.

An execution is logged with its function, message, cause, actor, outcome and duration, never with an input, a token or a secret. Queries that
succeed are not logged, except the first of a process. Every execution is counted (`execution_metrics`).

    {"log": "function", …}                                         one execution
    {"log": "functions", "function": …, "executions": [{…}, …]}    those of one function that ended in the same turn of the event loop, as those
                                                                   of a batch do: without members that are null, false or empty
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from functions.kernel import Declaration
from functions.runtime.execution.execution_metrics import ExecutionMetrics
from functions.wire.cloudevents import Message, stamp
from functions.wire.log_output import write_log_lines

MAX_EXECUTIONS = 50
"""Of a line, which is cut at 64 KiB (`wire.log_lines`)."""
MAX_DETAIL, MAX_EMITTED = 100, 4
"""Characters and events of an execution that shares a line: 50 of them stay below the cut."""


class ExecutionLog:
    def __init__(self, metrics: ExecutionMetrics) -> None:
        self._metrics = metrics
        self._is_cold = True
        self._ended: list[tuple[Declaration, dict[str, Any]]] = []
        """In this turn of the event loop."""

    def write(
        self,
        declaration: Declaration,
        message: Message,
        started_at: datetime,
        duration_ms: float,
        outcome: str,
        *,
        detail: str = "",
        actor: str | None = None,
        emitted: Sequence[str] = (),
    ) -> None:
        """`outcome`: done, rejected, failed, retried, duplicate, skipped, parked, expired or dead. `emitted`: `<type>:<id>` of each event."""
        is_cold, self._is_cold = self._is_cold, False
        self._metrics.record(declaration.name, outcome, duration_ms / 1000, is_cold=is_cold)
        if not declaration.is_writing and outcome == "done" and not is_cold:
            return
        get = message.attributes.get
        traceparent = get("traceparent") or ""
        execution = {
            "at": stamp(started_at),
            "message": message.id,
            "type": message.type,
            "correlation": message.correlation,
            "causation": get("causation") or None,
            "actor": actor or get("actor") or None,
            "trace": traceparent.split("-")[1] if traceparent.count("-") == 3 else None,
            "outcome": outcome,
            "detail": detail,
            "ms": round(duration_ms, 2),
            "emitted": emitted,
            "attempt": message.attempt,
            "cold": is_cold,
        }
        self._ended.append((declaration, execution))
        if len(self._ended) == 1:
            write_log_lines(self._lines)

    def _lines(self) -> Iterator[dict[str, Any]]:
        ended, self._ended = self._ended, []
        by_function: dict[str, list[tuple[Declaration, dict[str, Any]]]] = {}
        for declaration, execution in ended:
            is_short = len(execution["detail"]) <= MAX_DETAIL and len(execution["emitted"]) <= MAX_EMITTED
            if is_short and len(ended) > 1:
                by_function.setdefault(declaration.name, []).append((declaration, execution))
            else:
                yield _line(declaration, execution)
        for executions in by_function.values():
            for start in range(0, len(executions), MAX_EXECUTIONS):
                yield _shared_line(executions[start : start + MAX_EXECUTIONS])


def _line(declaration: Declaration, execution: dict[str, Any]) -> dict[str, Any]:
    return {
        "log": "function", "at": execution["at"], "function": declaration.name, "context": declaration.context, "kind": declaration.kind.value,
        **execution,
    }  # fmt: skip


def _shared_line(executions: Sequence[tuple[Declaration, dict[str, Any]]]) -> dict[str, Any]:
    declaration, execution = executions[0]
    if len(executions) == 1:
        return _line(declaration, execution)
    return {
        "log": "functions", "function": declaration.name, "context": declaration.context, "kind": declaration.kind.value,
        "executions": [{name: value for name, value in each.items() if value} for _, each in executions],
    }  # fmt: skip
