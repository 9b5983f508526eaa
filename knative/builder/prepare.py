"""Entry point of the second container of a Cloud Native Buildpacks build: read what the repository declares, and lay its application out.

    /workspace/app              the application's folder of the repository: what buildpacks see
    /workspace/declared.json    what the release needs beside the image, for `report`
    /workspace/app/Procfile     gets the start command of the settings or of capsule.toml as `web`: buildpacks read no other

No code of the repository runs here. Its termination message is {"reason", "detail"} if the repository cannot be built this way.
"""

import json
import os
import sys
import traceback
from pathlib import Path

from knative.builder.clone import read_commit
from knative.builder.execution import log
from knative.builder.failure import BUILD_FAILED, UNSUPPORTED, BuildFailure
from knative.builder.outcome import report_failure, report_success
from knative.builder.parameters import Parameters
from knative.builder.planning.declarations import Declarations, read_declarations, usable_processes
from knative.builder.planning.procfile import PROCFILE
from knative.builder.planning.recognition import find_base_directory
from knative.builder.planning.tree import Tree

APPLICATION, DECLARED = "app", "declared.json"
"""Names in the workspace."""
OTHER_BUILDERS = ("native", "dockerfile")


def main() -> int:
    parameters = Parameters.from_environment(os.environ)
    try:
        declared = prepare(parameters)
    except BuildFailure as failure:
        return report_failure(parameters, failure)
    except Exception as error:  # noqa: BLE001  the deployment must learn of every failure
        traceback.print_exc()
        return report_failure(parameters, BuildFailure(BUILD_FAILED, f"Internal error of the builder: {type(error).__name__}: {error}"))
    for notice in declared.notices:
        log(f"    notice: {notice}")
    return report_success(parameters, {"commit": read_commit(parameters)})


def prepare(parameters: Parameters) -> Declarations:
    """Lay the application out. Idempotent. Raises BuildFailure."""
    if parameters.image_reference:
        raise BuildFailure(UNSUPPORTED, "This installation builds repositories with Cloud Native Buildpacks. It does not run images of registries.")
    source, target = parameters.workspace / "source", parameters.workspace / APPLICATION
    if target.exists():
        raise BuildFailure(BUILD_FAILED, "The workspace of the build is not empty.")
    application = find_base_directory(Tree.of_folder(source), parameters.settings)
    declared = read_declarations(application, parameters.settings)
    if declared.builder in OTHER_BUILDERS:
        detail = f"The builder {declared.builder} ({declared.builder_source}) is not available. This installation builds with buildpacks."
        raise BuildFailure(UNSUPPORTED, f"{detail} Choose auto or buildpack.")
    (source / application.directory).rename(target)
    if declared.start and declared.start_source != PROCFILE:
        _set_web_process(target / PROCFILE, declared.start)
    (parameters.workspace / DECLARED).write_text(json.dumps(_fields(declared)))
    return declared


def _fields(declared: Declarations) -> dict[str, str]:
    """Return the fields of a build's termination message, without those that nothing declares."""
    processes = usable_processes(declared.processes)
    fields = {
        "release": declared.release,
        "health": declared.health,
        "port": str(declared.port or ""),
        "processes": json.dumps(processes) if processes else "",
    }
    return {name: value for name, value in fields.items() if value}


def _set_web_process(procfile: Path, command: str) -> None:
    """Replace the line `web`. Never follows a link of the repository."""
    lines = procfile.read_text().splitlines() if procfile.is_file() and not procfile.is_symlink() else []
    procfile.unlink(missing_ok=True)
    others = [line for line in lines if line.partition(":")[0].strip().lower() != "web"]
    procfile.write_text("\n".join([f"web: {command}", *others]) + "\n")


if __name__ == "__main__":
    sys.exit(main())
