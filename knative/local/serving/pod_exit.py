"""How a container ended, in the words of its status: code, reason, and the message that a person needs."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from knative.local.objects import now
from knative.local.serving.container import Prepared
from knative.local.serving.logs import Log
from knative.local.serving.pod_limits import EVICTED, OUT_OF_MEMORY, Breach

MESSAGE_BYTES = 4096
KILLED = 137
"""128 + SIGKILL; also what is said of a process whose end nobody saw."""


@dataclass(frozen=True, slots=True)
class Exit:
    code: int
    reason: str
    message: str
    started: str
    finished: str

    @property
    def short(self) -> str:
        return self.reason if self.reason in (OUT_OF_MEMORY, EVICTED) else f"ExitCode{self.code}"


def code_of(status: int | None) -> int:
    """As a shell says it: 128 and the signal for one that was ended by it."""
    return KILLED if status is None else status if status >= 0 else 128 - status


def ended(
    prepared: Prepared,
    container: Mapping[str, Any],
    log: Log,
    last_words: bytes,
    status: int | None,
    started: str,
    breach: Breach | None,
    always_says_why: bool,
) -> Exit:
    """The message is what the container left at its termination path (`last_words`); else, for a Service always and for a Job when it asks, its last
    lines."""
    code = code_of(status)
    group = prepared.group
    too_large = (group is not None and code != 0 and group.out_of_memory()) or (breach is not None and breach.reason == OUT_OF_MEMORY)
    message = last_words[:MESSAGE_BYTES].decode("utf-8", "replace")
    if not message and code != 0 and (always_says_why or container.get("terminationMessagePolicy") == "FallbackToLogsOnError"):
        message = log.tail
    if too_large:
        message = f"it needed more memory than its limit of {container['resources']['limits']['memory']}\n{message}".strip()
    elif breach is not None:
        return Exit(code or KILLED, breach.reason, breach.message, started, now())
    elif code == 128 + signal.SIGXFSZ:
        message = f"it wrote a file larger than {(prepared.limits.file or 0) >> 20} MiB, which is all that it may write\n{message}".strip()
    reason = OUT_OF_MEMORY if too_large else "Completed" if code == 0 else "Error"
    return Exit(code, reason, message, started, now())
