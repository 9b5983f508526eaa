"""The end of a build as Kubernetes tells it: the container's code and its termination message."""

import json

from knative.builder.execution import say
from knative.builder.parameters import Parameters

LONGEST_MESSAGE = 4096
"""Bytes that Kubernetes keeps of one."""


def tell(parameters: Parameters, said: dict[str, str]) -> int:
    """Writes the message; the code to end with."""
    if "reason" in said:
        say(f"==> Failed ({said['reason']}): {said['detail']}")
    parameters.termination_log.parent.mkdir(parents=True, exist_ok=True)
    parameters.termination_log.write_text(message(said))
    return 1 if "reason" in said else 0


def message(said: dict[str, str]) -> str:
    """As JSON, and short enough: of a long detail the end counts."""
    text = json.dumps(said)
    if len(text) <= LONGEST_MESSAGE:
        return text
    detail = said["detail"].removeprefix("… ")
    return message({**said, "detail": f"… {detail[len(detail) // 5 + 3 :]}"})
