"""Entry point of the last container of a Cloud Native Buildpacks build: report the image that the lifecycle pushed (`report.toml`), and what
`prepare` has read from the repository.
"""

import json
import os
import sys
import tomllib

from knative.builder.clone import read_commit
from knative.builder.execution import log
from knative.builder.failure import BUILD_FAILED, BuildFailure
from knative.builder.outcome import report_failure, report_success
from knative.builder.parameters import Parameters
from knative.builder.prepare import DECLARED


def main() -> int:
    parameters = Parameters.from_environment(os.environ)
    try:
        report = tomllib.loads((parameters.workspace / "report.toml").read_text())
        digest = report["image"]["digest"]
        declared = json.loads((parameters.workspace / DECLARED).read_text())
    except (OSError, ValueError, KeyError) as error:  # ValueError: of both parsers
        detail = f"The buildpacks lifecycle reported no image ({type(error).__name__}: {error})."
        return report_failure(parameters, BuildFailure(BUILD_FAILED, detail))
    outcome = {"image": f"{parameters.image}@{digest}", "commit": read_commit(parameters), "kind": "buildpacks"}
    log(f"==> Stored {outcome['image']}")  # the end of the build log: `capsule deploy` waits for it
    return report_success(parameters, {**outcome, **declared})


if __name__ == "__main__":
    sys.exit(main())
