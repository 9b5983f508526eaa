"""Decide the next step of a Job from its spec, its pods and the time. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 1.0, 60.0
"""Shorter than Kubernetes' 10 s and 6 min: starting a pod costs less here."""
DEFAULT_BACKOFF_LIMIT = 6
DEADLINE = ("DeadlineExceeded", "Job was active longer than specified deadline")
BACKOFF = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
REACHED = ("CompletionsReached", "Reached expected number of succeeded pods")


@dataclass(frozen=True, slots=True)
class JobState:
    """Times in seconds since the epoch, and the pods by phase."""

    now: float
    started_at: float
    active: int = 0
    succeeded: int = 0
    failed: int = 0
    """Without pods that the machine's shutdown ended."""
    last_failure_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Start:
    """Start another pod."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait until a pod changes, at most `seconds`."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Suspend:
    """End all pods."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The Job has completed or failed; end all pods that still run."""

    is_complete: bool
    reason: str
    message: str


Step = Start | Wait | Suspend | Finish


def decide(spec: Mapping[str, Any], state: JobState) -> Step:
    """Source: Kubernetes, "Jobs", and batch/v1 JobSpec."""
    completions = int(spec.get("completions") or 1)
    if state.succeeded >= completions:
        return Finish(True, *REACHED)
    if state.failed > int(spec.get("backoffLimit", DEFAULT_BACKOFF_LIMIT)):
        return Finish(False, *BACKOFF)
    deadline = spec.get("activeDeadlineSeconds")
    seconds_left = None if deadline is None else state.started_at + float(deadline) - state.now
    if seconds_left is not None and seconds_left <= 0:
        return Finish(False, *DEADLINE)
    if spec.get("suspend"):
        return Suspend()
    if state.active >= min(int(spec.get("parallelism", 1)), completions - state.succeeded):
        return Wait(seconds_left)
    if state.failed:
        backoff = min(FIRST_BACKOFF_SECONDS * 2.0 ** (state.failed - 1), MAX_BACKOFF_SECONDS)
        wait = state.last_failure_at + backoff - state.now
        if wait > 0:
            return Wait(wait if seconds_left is None else min(wait, seconds_left))
    return Start()
