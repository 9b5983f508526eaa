"""Entry point of the first container of a build: clone the repository into the workspace.

Only this container mounts the credentials of the repository, and no code of the repository runs in it. Its termination
message is {"commit"}, and {"hostKeys"} with the keys of ssh servers that were unknown (trust on first use), or
{"reason", "detail"}.
"""

import os
import sys
import time
import traceback

from knative.builder.access import RepositoryAccess
from knative.builder.execution import Shell
from knative.builder.failure import BUILD_FAILED, BuildFailure
from knative.builder.outcome import report_failure, report_success
from knative.builder.parameters import Parameters
from knative.builder.source import Checkout

COMMIT_FILE = "commit"
"""In the workspace: the id of the commit, for the containers that follow."""


def main() -> int:
    parameters = Parameters.from_environment(os.environ)
    if not parameters.repository:
        return report_success(parameters, {})  # the application is an image
    access = RepositoryAccess.install(parameters.credentials, parameters.clone_folder)
    shell = Shell(parameters.environment, parameters.clone_folder / "home")
    deadline = time.monotonic() + parameters.timeout_seconds
    try:
        commit = Checkout(shell, parameters, access, parameters.workspace / "source", deadline).run()
    except BuildFailure as error:
        return report_failure(parameters, error, **_host_keys(access))
    except Exception as error:  # noqa: BLE001  the deployment must learn of every failure
        traceback.print_exc()
        failure = BuildFailure(BUILD_FAILED, f"Internal error of the builder: {type(error).__name__}: {error}")
        return report_failure(parameters, failure, **_host_keys(access))
    (parameters.workspace / COMMIT_FILE).write_text(commit)
    return report_success(parameters, {"commit": commit, **_host_keys(access)})


def read_commit(parameters: Parameters) -> str:
    """Return the id of the commit in the workspace. Raises BuildFailure if nothing was cloned."""
    try:
        return (parameters.workspace / COMMIT_FILE).read_text()
    except OSError as error:
        detail = (
            "The workspace holds no commit: the template of the build Job needs the init container `clone` (knative/overlays/local/build-job.yaml)."
        )
        raise BuildFailure(BUILD_FAILED, detail) from error


def _host_keys(access: RepositoryAccess) -> dict[str, str]:
    learned = access.learned_host_keys()
    return {"hostKeys": "\n".join(learned)} if learned else {}


if __name__ == "__main__":
    sys.exit(main())
