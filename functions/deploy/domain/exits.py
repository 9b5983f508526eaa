"""Pure functions that read the exit of an application's process as the failure of a deployment."""

import signal
from collections.abc import Mapping
from typing import Any

from functions.deploy.domain import observation as reasons
from functions.deploy.domain.observation import ServiceFailed
from functions.deploy.domain.program_output import quote_cause

OOM_KILLED, EVICTED = "OOMKilled", "Evicted"
"""Reasons of a terminated container (Kubernetes, "Resource Management", "Node-pressure Eviction")."""
EXITED_UNREADY = "The container listened on its port and exited before its readiness probe succeeded."
"""The first line of the one-machine Knative's message about such a container."""
SIGKILL_EXIT_CODE = 137
"""128 + SIGKILL: the kernel's out-of-memory killer, as a rule."""
MAX_DETAIL_LENGTH = 2000


def read_exit(terminated: Mapping[str, Any]) -> ServiceFailed:
    """The exit of an instance that was ready."""
    code, message = terminated.get("exitCode", 0), terminated.get("message")
    if terminated.get("reason") == EVICTED:
        return ServiceFailed(reasons.DISK_FULL, f"The process was stopped after it was ready. {message or ''}".strip()[:MAX_DETAIL_LENGTH])
    if terminated.get("reason") == OOM_KILLED or code == SIGKILL_EXIT_CODE:
        killed = "Process was killed after it was ready (exit code 137); it may need more memory."
        return ServiceFailed(reasons.OUT_OF_MEMORY, killed)
    return ServiceFailed(reasons.CRASHES, with_cause(f"Process exited with {describe_code(code)} after it was ready.", message))


def read_exit_at_start(code: str, message: str) -> ServiceFailed:
    """The exit of an instance that was never ready. `message`: its last output."""
    has_listened, output = message.startswith(EXITED_UNREADY), message.removeprefix(EXITED_UNREADY)
    when = "after it listened on $PORT, before it answered a request successfully" if has_listened else "before listening on $PORT"
    if code == str(SIGKILL_EXIT_CODE):
        killed = f"Process was killed {when} (exit code 137); it may need more memory."
        return ServiceFailed(reasons.OUT_OF_MEMORY, killed)
    return ServiceFailed(reasons.EXITS_AT_START, with_cause(f"Process exited with {describe_code(int(code))} {when}.", output))


def describe_code(code: int) -> str:
    """A shell reports 128 + the number of the signal that ended a program."""
    try:
        return f"code {code} (signal {signal.Signals(code - 128).name})"
    except ValueError:
        return f"code {code}"


def with_cause(sentence: str, output: object) -> str:
    """Continue a sentence with the lines of a program's output that say why it failed."""
    cause = quote_cause(str(output or ""))
    return f"{sentence.rstrip('.')}: {cause}" if cause else sentence
