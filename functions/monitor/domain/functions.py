"""How the platform's own functions do: counted from their journal."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class FunctionTally:
    """Of one function over a range. A query that simply succeeds writes no journal, and is not counted."""

    name: str
    context: str
    kind: str
    executions: int
    failed: int
    retried: int
    rejected: int
    cold: int
    p50_ms: float
    p95_ms: float
    p99_ms: float

    @classmethod
    def idle(cls, name: str) -> Self:
        """One that did nothing."""
        return cls(name, name.partition(".")[0], "", 0, 0, 0, 0, 0, 0.0, 0.0, 0.0)

    @property
    def service(self) -> str:
        """Its Knative Service."""
        return self.name.replace(".", "-").replace("_", "-")
