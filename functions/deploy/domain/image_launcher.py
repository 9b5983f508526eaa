"""The launcher of images that buildpacks made: it sets the variables of the image's layers. Without it `python` is not on PATH.

The image's own entry point is a launcher, so a web process needs nothing. Commands beside it replace the entry point.
"""

import copy

from functions.deploy.domain.manifests import Manifest

BUILDPACKS = "buildpacks"
"""How a build on a cluster reports its kind (`knative/builder/report.py`)."""
LAUNCHER = ("/cnb/lifecycle/launcher", "--")
"""In every image of the lifecycle; `--`: what follows is a program and its arguments (buildpacks/spec, platform.md, "Launcher")."""


def launched(workload: Manifest, kind: str) -> Manifest:
    """Return a workload with its command under the launcher, if the image of a release of this kind has one."""
    if kind != BUILDPACKS:
        return workload
    workload = copy.deepcopy(workload)
    spec = workload["spec"]["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else workload["spec"]
    for container in spec["template"]["spec"]["containers"]:
        if "command" in container:
            container["command"] = [*LAUNCHER, *container["command"]]
    return workload
