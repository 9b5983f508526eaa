"""How a container ended: its exit code, a reason, and the message that a person needs."""

import signal
from dataclasses import dataclass

from knative.local.objects import now

MAX_MESSAGE_BYTES = 4096
"""Of a termination message (Kubernetes, "Determine the Reason for Pod Failure")."""
SIGNAL_OFFSET = 128
KILLED = SIGNAL_OFFSET + signal.SIGKILL
"""Also the code of a process whose end was not observed."""
START_ERROR_CODE = 128
EVICTED, OUT_OF_MEMORY = "Evicted", "OOMKilled"


@dataclass(frozen=True, slots=True)
class LimitViolation:
    """A limit that a container exceeded, and that ended it."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Exit:
    code: int
    reason: str
    message: str
    started_at: str
    """RFC 3339."""
    finished_at: str

    @property
    def summary(self) -> str:
        return self.reason if self.reason in (OUT_OF_MEMORY, EVICTED) else f"ExitCode{self.code}"


def exit_code(status: int | None) -> int:
    """Return the exit code as a shell reports it: 128 + N for signal N."""
    return KILLED if status is None else status if status >= 0 else SIGNAL_OFFSET - status


def exit_of(
    status: int | None,
    started_at: str,
    message: str,
    *,
    violation: LimitViolation | None,
    was_out_of_memory: bool,
    memory_limit: str,
    file_limit_bytes: int | None,
) -> Exit:
    """Describe the end of a container.

    `message`: its termination message or its last output. `was_out_of_memory`: the kernel killed one of its processes
    for exceeding its memory.
    """
    code = exit_code(status)
    if (was_out_of_memory and code != 0) or (violation is not None and violation.reason == OUT_OF_MEMORY):
        text = f"The container needed more memory than its limit of {memory_limit}.\n{message}".strip()
        return Exit(code, OUT_OF_MEMORY, text, started_at, now())
    if violation is not None:
        return Exit(code or KILLED, violation.reason, violation.message, started_at, now())
    if code == SIGNAL_OFFSET + signal.SIGXFSZ:
        message = f"The container wrote a file larger than its limit of {(file_limit_bytes or 0) >> 20} MiB.\n{message}".strip()
    return Exit(code, "Completed" if code == 0 else "Error", message, started_at, now())
