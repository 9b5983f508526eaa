"""The last container of a build by Cloud Native Buildpacks: what the lifecycle has pushed (its report.toml), in our words."""

import os
import sys
import tomllib

from knative.builder.clone import COMMIT
from knative.builder.failure import BUILD_FAILED
from knative.builder.outcome import tell
from knative.builder.parameters import Parameters


def main() -> int:
    parameters = Parameters.read(os.environ)
    try:
        report = tomllib.loads((parameters.workspace / "report.toml").read_text())
        digest = report["image"]["digest"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        return tell(parameters, {"reason": BUILD_FAILED, "detail": f"The buildpacks left no image that could be found: {error!r}"})
    commit = (parameters.workspace / COMMIT).read_text()
    return tell(parameters, {"image": f"{parameters.image}@{digest}", "commit": commit, "kind": "buildpacks"})


if __name__ == "__main__":
    sys.exit(main())
