"""Names of Jobs by their version: a Job's template cannot change, so a changed one is another Job and one `apply` runs it.

The version is a hash of the Job's specification, image included. A Job that ran for this version is not run again while it exists; finished ones go
after a day (`ttlSecondsAfterFinished`). What they do is idempotent.
"""

import json
from collections.abc import Iterable
from hashlib import sha256

from knative.machine.cluster import conditions
from knative.machine.installation_objects import Object

LABEL = "capsule.dev/job"
"""Label of a Job and its pods: the name without the version."""
MIGRATION = "-migration"
"""How the names of Jobs end that must be complete before functions are rolled out."""
DIGITS = 8


def versioned(job: Object) -> Object:
    """The Job under the name of its version."""
    name = job["metadata"]["name"]
    labels = {**(job["metadata"].get("labels") or {}), LABEL: name}
    template = job["spec"]["template"]
    template_labels = {**(template.get("metadata", {}).get("labels") or {}), LABEL: name}
    spec = {**job["spec"], "template": {**template, "metadata": {**template.get("metadata", {}), "labels": template_labels}}}
    return {**job, "metadata": {**job["metadata"], "name": f"{name}-{version(job)}", "labels": labels}, "spec": spec}


def version(job: Object) -> str:
    """Hexadecimal digits that are the same for the same specification."""
    return sha256(json.dumps(job["spec"], sort_keys=True).encode()).hexdigest()[:DIGITS]


def is_migration(job: Object) -> bool:
    return str(job["metadata"]["labels"][LABEL]).endswith(MIGRATION)


def outdated(present: Iterable[Object], current: Iterable[Object]) -> list[Object]:
    """Jobs of other versions, those that were applied without one, and those of this version that failed. `present`: all of the namespace.

    A failed Job never runs again: without it, a repeated `apply` runs a new one.
    """
    names = {job["metadata"]["labels"][LABEL]: job["metadata"]["name"] for job in current}
    found = []
    for job in present:
        name = job["metadata"]["name"]
        base = (job["metadata"].get("labels") or {}).get(LABEL, name)
        if base in names and (name != names[base] or conditions(job).get("Failed", {}).get("status") == "True"):
            found.append({**job, "apiVersion": "batch/v1", "kind": "Job"})
    return found
