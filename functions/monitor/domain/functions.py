"""Executions of the platform's functions, counted from the execution log."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class FunctionTally:
    """One function over a time range. Successful queries write no execution log and are not counted."""

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
        """A function without executions."""
        return cls(name, name.partition(".")[0], "", 0, 0, 0, 0, 0, 0.0, 0.0, 0.0)

    @property
    def service(self) -> str:
        """Its Knative Service."""
        return self.name.replace(".", "-").replace("_", "-")
