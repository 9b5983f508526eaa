"""Entry point of the first container of a Cloud Native Buildpacks build (`buildpacks.yaml`): clone the repository into the workspace."""

import os
import sys
import time

from knative.builder.execution import Shell
from knative.builder.failure import BuildFailure
from knative.builder.outcome import report_failure
from knative.builder.parameters import Parameters
from knative.builder.source import Checkout

COMMIT_FILE = "commit"
"""In the workspace: the id of the commit, for `report`."""


def main() -> int:
    parameters = Parameters.from_environment(os.environ)
    shell = Shell(parameters.environment, parameters.workspace / "home")
    deadline = time.monotonic() + parameters.timeout_seconds
    try:
        commit = Checkout(shell, parameters, parameters.workspace / "source", deadline).run()
    except BuildFailure as failure:
        return report_failure(parameters, failure)
    (parameters.workspace / COMMIT_FILE).write_text(commit)
    return 0


if __name__ == "__main__":
    sys.exit(main())
