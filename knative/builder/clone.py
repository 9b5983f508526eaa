"""The first container of a build by Cloud Native Buildpacks (`buildpacks.yaml`): the repository at its commit, in the workspace."""

import os
import sys
import time

from knative.builder.execution import Shell
from knative.builder.failure import Failure
from knative.builder.outcome import tell
from knative.builder.parameters import Parameters
from knative.builder.source import Checkout

COMMIT = "commit"


def main() -> int:
    parameters = Parameters.read(os.environ)
    shell = Shell(parameters.environment, parameters.workspace / "home")
    try:
        commit = Checkout(shell, parameters, parameters.workspace / "source", time.monotonic() + parameters.seconds).make()
    except Failure as failure:
        return tell(parameters, {"reason": failure.reason, "detail": failure.detail})
    (parameters.workspace / COMMIT).write_text(commit)
    return 0


if __name__ == "__main__":
    sys.exit(main())
