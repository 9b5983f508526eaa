"""The steps of a build that are programs of others: the buildpacks lifecycle and BuildKit. They report no outcome of their own,
so the cluster keeps the end of their output (`terminationMessagePolicy: FallbackToLogsOnError`).

Pure functions of what their containers show.
"""

import re
from collections.abc import Mapping
from typing import Any

from functions.deploy.domain import observation as reasons
from functions.deploy.domain.exits import describe_code, with_cause
from functions.deploy.domain.inspection_job import CLONE
from functions.deploy.domain.observation import BuildJobFailed

Terminated = Mapping[str, Any]

REPORTING_STEPS = frozenset({CLONE, "prepare", "build", "report"})
"""Containers with a program that writes its outcome (`knative/builder/outcome.py`)."""
NOT_RECOGNIZED_CODES = frozenset({20, 21})
"""Of `detect`: no group of buildpacks accepts the source (buildpacks/spec, platform.md, "Detector exit codes")."""
LAST_WORD = re.compile(r"^ERROR: failed to build: exit status \d+\s*$", re.MULTILINE)
"""What the lifecycle prints after the output of the buildpack that failed."""
STOPPED_FROM_OUTSIDE = frozenset({137, 143})
"""SIGKILL and SIGTERM, by which a node ends a pod."""


def read_step_failure(terminated: Terminated) -> BuildJobFailed | None:
    """Read how a step failed that does not report its outcome itself; None for one that does. `terminated`: with the container's `name`."""
    step, code = terminated.get("name"), terminated.get("exitCode")
    if step is None or step in REPORTING_STEPS or code is None:
        return None
    reason = reasons.NOT_RECOGNIZED if step == "detect" and code in NOT_RECOGNIZED_CODES else reasons.BUILD_FAILED
    output = LAST_WORD.sub("", str(terminated.get("message") or ""))
    return BuildJobFailed(reason, with_cause(f'The step "{step}" of the build exited with {describe_code(code)}.', output))


def is_interrupted(terminated: Terminated) -> bool:
    """Whether a build without a report was ended from outside: another attempt may succeed. A program that exits by itself would do so again.

    No container has ended where the pod was deleted with its node.
    """
    code = terminated.get("exitCode")
    return code is None or code in STOPPED_FROM_OUTSIDE
