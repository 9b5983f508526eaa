"""Entry point of the last container of a Cloud Native Buildpacks build: report the image that the lifecycle pushed (`report.toml`)."""

import os
import sys
import tomllib

from knative.builder.clone import read_commit
from knative.builder.failure import BUILD_FAILED, BuildFailure
from knative.builder.outcome import report_failure, report_success
from knative.builder.parameters import Parameters


def main() -> int:
    parameters = Parameters.from_environment(os.environ)
    try:
        report = tomllib.loads((parameters.workspace / "report.toml").read_text())
        digest = report["image"]["digest"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        detail = f"The buildpacks lifecycle reported no image ({type(error).__name__}: {error})."
        return report_failure(parameters, BuildFailure(BUILD_FAILED, detail))
    return report_success(parameters, {"image": f"{parameters.image}@{digest}", "commit": read_commit(parameters), "kind": "buildpacks"})


if __name__ == "__main__":
    sys.exit(main())
