"""One JSON line on stderr for each execution: what was handled, because of what, on whose behalf, how it ended, how long it took. The timeline of a
request is put together from these lines. Queries that simply succeed write none. No line carries an input, a token or a secret."""

import sys
from collections.abc import Sequence
from datetime import datetime

import orjson

from functions.kernel import Declaration
from functions.wire.cloudevents import Message, stamp


class ExecutionLog:
    def __init__(self) -> None:
        self._cold = True

    def write(
        self,
        declaration: Declaration,
        message: Message,
        began: datetime,
        ms: float,
        outcome: str,
        *,
        detail: str = "",
        actor: str | None = None,
        emitted: Sequence[str] = (),
    ) -> None:
        """`outcome`: done, rejected, failed, retried, duplicate, skipped, expired or dead. `emitted`: `<type>:<id>` of each event."""
        cold, self._cold = self._cold, False
        if not declaration.writes and outcome == "done" and not cold:
            return
        traceparent = message.get("traceparent") or ""
        line = {
            "log": "function",
            "at": stamp(began),
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
            "ms": round(ms, 2),
            "emitted": list(emitted),
            "attempt": message.attempt,
            "cold": cold,
        }
        sys.stderr.buffer.write(orjson.dumps(line) + b"\n")
        sys.stderr.buffer.flush()
