"""Report the outcome of a build to Kubernetes: exit code and termination message."""

import json

from knative.builder.execution import log
from knative.builder.failure import BuildFailure
from knative.builder.parameters import Parameters

MAX_MESSAGE_BYTES = 4096
"""Kubernetes keeps no more of a termination message."""


def report_success(parameters: Parameters, outcome: dict[str, str]) -> int:
    """Write the termination message of a successful build. Returns the exit code, 0."""
    _write(parameters, outcome)
    return 0


def report_failure(parameters: Parameters, failure: BuildFailure, **known: str) -> int:
    """Log the failure once and write its termination message, with the fields that are `known` (the commit). Returns the exit code, 1."""
    log(f"==> Failed ({failure.reason}): {failure.detail}")
    detail = f"{failure.detail} Last output:\n{failure.output}" if failure.output else failure.detail
    _write(parameters, {**known, "reason": failure.reason, "detail": detail})
    return 1


def _write(parameters: Parameters, outcome: dict[str, str]) -> None:
    parameters.termination_log.parent.mkdir(parents=True, exist_ok=True)
    parameters.termination_log.write_text(termination_message(outcome))


def termination_message(outcome: dict[str, str]) -> str:
    """Return the outcome as JSON of at most MAX_MESSAGE_BYTES. A long `detail` loses its beginning, since errors come last."""
    text = json.dumps({name: value.encode("utf-8", "backslashreplace").decode() for name, value in outcome.items()})
    if len(text) <= MAX_MESSAGE_BYTES:
        return text
    detail = outcome["detail"].removeprefix("… ")
    return termination_message({**outcome, "detail": f"… {detail[len(detail) // 5 + 3 :]}"})
