"""The version of the settings as an annotation of what reads them.

A container reads `capsule-settings` when it starts (`envFrom`). A changed ConfigMap alone leaves the pods that run as they are, and the gateway runs
always: with the version in its template, changed settings are a new revision, and one `apply` rolls it out.
"""

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

Object = dict[str, Any]
ANNOTATION = "capsule.dev/settings-version"
SETTINGS = "capsule-settings"
"""The ConfigMap that every function reads."""
ROLLED_OUT = ("Service", "Deployment", "DaemonSet", "StatefulSet")
"""Kinds that replace their pods when the template changes. A Job is another one then: it reads what it finds when it runs."""
DIGITS = 8


def with_settings_version(objects: Iterable[Object]) -> list[Object]:
    """Annotate the pods of all workloads that read the settings. Unchanged without the ConfigMap."""
    objects = list(objects)
    settings = next((each for each in objects if each["kind"] == "ConfigMap" and each["metadata"]["name"] == SETTINGS), None)
    if settings is None:
        return objects
    version = sha256(json.dumps(settings.get("data") or {}, sort_keys=True).encode()).hexdigest()[:DIGITS]
    return [_annotated(each, version) if each["kind"] in ROLLED_OUT and _reads_settings(each) else each for each in objects]


def _reads_settings(item: Object) -> bool:
    template = item.get("spec", {}).get("template") or {}  # a Service of Kubernetes has none
    containers = template.get("spec", {}).get("containers", ())
    return any(source.get("configMapRef", {}).get("name") == SETTINGS for each in containers for source in each.get("envFrom", ()))


def _annotated(item: Object, version: str) -> Object:
    template = item["spec"]["template"]
    metadata = template.get("metadata") or {}
    annotations = {**(metadata.get("annotations") or {}), ANNOTATION: version}
    return {**item, "spec": {**item["spec"], "template": {**template, "metadata": {**metadata, "annotations": annotations}}}}
