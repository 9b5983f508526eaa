"""What a Job does next (pure: its spec, its pods and the time in, one step out)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 60.0
"""Kubernetes waits 10 s first and 6 min at most; a pod costs less here."""
BACKOFF_LIMIT = 6
DEADLINE = ("DeadlineExceeded", "Job was active longer than specified deadline")
BACKOFF = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
REACHED = ("CompletionsReached", "Reached expected number of succeeded pods")


@dataclass(frozen=True, slots=True)
class Facts:
    now: float
    started: float
    active: int = 0
    succeeded: int = 0
    failed: int = 0
    """Pods that failed by themselves; one that was taken by the machine's end does not count."""
    last_failure: float = 0.0


@dataclass(frozen=True, slots=True)
class Start:
    """Another pod."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Until a pod changes, at most so long."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Suspend:
    """No pods."""


@dataclass(frozen=True, slots=True)
class Finish:
    complete: bool
    reason: str
    message: str


Step = Start | Wait | Suspend | Finish


def decide(spec: Mapping[str, Any], facts: Facts) -> Step:
    completions = int(spec.get("completions") or 1)
    if facts.succeeded >= completions:
        return Finish(True, *REACHED)
    if facts.failed > int(spec.get("backoffLimit", BACKOFF_LIMIT)):
        return Finish(False, *BACKOFF)
    deadline = spec.get("activeDeadlineSeconds")
    left = None if deadline is None else facts.started + float(deadline) - facts.now
    if left is not None and left <= 0:
        return Finish(False, *DEADLINE)
    if spec.get("suspend"):
        return Suspend()
    if facts.active >= min(int(spec.get("parallelism", 1)), completions - facts.succeeded):
        return Wait(left)
    if facts.failed:
        pause = min(FIRST_BACKOFF * 2.0 ** (facts.failed - 1), LONGEST_BACKOFF) - (facts.now - facts.last_failure)
        if pause > 0:
            return Wait(pause if left is None else min(pause, left))
    return Start()
