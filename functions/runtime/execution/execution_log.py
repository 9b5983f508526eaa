"""The execution log: one JSON line on stderr per execution, from which monitor builds the timeline of a request.

A line contains function, message, cause, actor, outcome and duration, never an input, a token or a secret. Queries that
succeed write no line, except the first of a process. Every execution is counted (`execution_metrics`).
"""

from collections.abc import Sequence
from datetime import datetime

from functions.kernel import Declaration
from functions.runtime.execution.execution_metrics import ExecutionMetrics
from functions.wire.cloudevents import Message, stamp
from functions.wire.log_output import write_log_line


class ExecutionLog:
    def __init__(self, metrics: ExecutionMetrics) -> None:
        self._metrics = metrics
        self._is_cold = True

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
        traceparent = message.get("traceparent") or ""
        line = {
            "log": "function",
            "at": stamp(started_at),
            "function": declaration.name,
            "context": declaration.context,
            "kind": declaration.kind.value,
            "message": message.id,
            "type": message.type,
            "correlation": message.correlation,
            "causation": message.get("causation"),
            "actor": actor or message.get("actor"),
            "trace": traceparent.split("-")[1] if traceparent.count("-") == 3 else None,
            "outcome": outcome,
            "detail": detail,
            "ms": round(duration_ms, 2),
            "emitted": list(emitted),
            "attempt": message.attempt,
            "cold": is_cold,
        }
        write_log_line(line)
