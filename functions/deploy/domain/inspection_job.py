"""The Job of an inspection, rendered from the operator's template of builds.

It has the template's container that clones, and a second one with the same image and limits that plans. Both get the parameters of
a build, so that the same repositories can be read, from the same sandbox. It has no cache, no image and no configuration.
"""

import copy
from collections.abc import Mapping
from typing import Any

from functions.deploy.domain.application_settings import Builder
from functions.deploy.domain.build_secret import CREDENTIALS_VOLUME, BuildSecret
from functions.deploy.domain.inspection import TIMEOUT, Inspection
from functions.deploy.domain.manifests import APPLICATION, COLLECT, COMPONENT, MANAGED, Manifest, literal

CLONE = "clone"
"""The init container of every template."""
KIND = "local.capsule.dev/inspection"
"""Annotation of the pod: the one-machine Knative gives it the sandbox of a build, and expects no image."""
VOLUMES = ("workspace", "clone", CREDENTIALS_VOLUME)
KEPT_SECONDS = 300


def inspection_job(inspection: Inspection, template: Mapping[str, Any], environment: Mapping[str, str], secret: BuildSecret) -> Manifest:
    """`environment`: variables of every build. Raises ValueError: the template has no container that clones."""
    pod = copy.deepcopy(template["spec"]["template"]["spec"])
    clone = next((each for each in pod.get("initContainers", ()) if each["name"] == CLONE), None)
    if clone is None:
        raise ValueError(f"the template of the build Job has no init container {CLONE!r}")
    settings = inspection.settings
    parameters = {
        **environment,
        "APPLICATION": inspection.name,
        "BASE_DIRECTORY": settings.directory or "",
        "BUILDER": "" if settings.builder is Builder.AUTO else str(settings.builder),
        "BUILD_COMMAND": settings.build_command or "",
        "IMAGE": inspection.name,
        "REF": settings.branch or "",
        "RELEASE_COMMAND": settings.release_command or "",
        "REPOSITORY": inspection.repository,
        "START_COMMAND": settings.start_command or "",
    }
    own = [each for each in clone.get("env", []) if each["name"] not in (*parameters, "LIMIT_SECONDS")]
    seconds = str(TIMEOUT.seconds - 20)
    clone["env"] = own + [{"name": name, "value": literal(value)} for name, value in sorted({**parameters, "LIMIT_SECONDS": seconds}.items())]
    plan = copy.deepcopy(clone) | {"name": "plan", "command": ["python", "-m", "knative.builder.inspection"]}
    plan["volumeMounts"] = [each for each in clone["volumeMounts"] if each["name"] == "workspace"]
    pod |= {
        "initContainers": [clone],
        "containers": [plan],
        "volumes": [each for each in pod.get("volumes", []) if each["name"] in VOLUMES],
    }
    labels = {APPLICATION: str(inspection.id), COMPONENT: "inspection"}
    job: Manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": inspection.name, "namespace": inspection.namespace, "labels": {**labels, MANAGED: "true"}},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": TIMEOUT.seconds,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {"metadata": {"labels": {**labels, COLLECT: "false"}, "annotations": {KIND: "true"}}, "spec": pod},
        },
    }
    secret.fill_volumes(job)
    return job
