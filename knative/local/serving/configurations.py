"""Configurations: each change of a template creates an immutable Revision."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from knative.local.controller import RequeueAfter
from knative.local.objects import Object, now, owner_reference
from knative.local.serving.conditions import TRUE, Condition, condition_entries, find_condition
from knative.local.serving.naming import revision_name
from knative.local.serving.revisions import REVISION
from knative.local.serving.scaler import READY_ONCE
from knative.local.store import NotFound, Store

CONFIGURATION = "Configuration.serving.knative.dev"
PREFIX = "serving.knative.dev/"
MAX_IDLE_REVISIONS = 20
"""Without traffic, for each Configuration. Knative's config-gc calls it max-non-active-revisions, with a larger
default."""


class Configurations:
    kind = CONFIGURATION

    def __init__(self, store: Store) -> None:
        self._store = store

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[tuple[str | None, str]]]]:
        return {REVISION: _configuration_of}

    async def on_deleted(self, object: Object) -> None:
        """Its revisions name it as their owner and are garbage-collected."""

    async def reconcile(self, object: Object) -> None:
        metadata = object["metadata"]
        namespace, generation = metadata["namespace"], metadata["generation"]
        template = object["spec"]["template"]
        name = revision_name(metadata["name"], generation, (template.get("metadata") or {}).get("name"))
        latest = self._store.find(REVISION, namespace, name)
        name_conflict: Condition | None = None
        if latest is None:
            latest = self._store.create(revision(object, name))
        elif not _owned(latest, metadata["uid"]):
            raise RequeueAfter(0.1, "a revision of a deleted Configuration of this name still exists")
        elif (latest["metadata"]["labels"]).get(PREFIX + "configurationGeneration") != str(generation) and latest["spec"] != _spec(template):
            name_conflict = Condition(
                "False", "RevisionNameTaken", f'Revision "{name}" already exists with another spec. Give the template another name.'
            )
        revisions = [each for each in self._store.children(metadata["uid"]) if each["kind"] == "Revision"]
        before = object.get("status") or {}
        status: dict[str, Any] = {"observedGeneration": generation}
        status["latestCreatedRevisionName"] = before.get("latestCreatedRevisionName", name) if name_conflict else name
        newest = max((each for each in revisions if _usable(each)), key=_generation, default=None)
        if newest is not None:
            status["latestReadyRevisionName"] = newest["metadata"]["name"]
        condition = name_conflict or readiness_of(latest)
        status["conditions"] = condition_entries({"Ready": condition}, before.get("conditions") or [], now())
        self._store.set_status(CONFIGURATION, namespace, metadata["name"], status)
        self._delete_idle(namespace, metadata["name"], revisions, {name, status.get("latestReadyRevisionName")})

    def _delete_idle(self, namespace: str, name: str, revisions: list[Object], needed: set[str | None]) -> None:
        route = self._store.find("Route.serving.knative.dev", namespace, name)
        traffic = [*(((route or {}).get("status") or {}).get("traffic") or ()), *(((route or {}).get("spec") or {}).get("traffic") or ())]
        needed |= {each.get("revisionName") for each in traffic}
        idle = sorted((each for each in revisions if each["metadata"]["name"] not in needed), key=_generation)
        for each in idle[: max(len(idle) - MAX_IDLE_REVISIONS, 0)]:
            with suppress(NotFound):
                self._store.delete(REVISION, namespace, each["metadata"]["name"])


def revision(configuration: Object, name: str) -> Object:
    """Return the Revision object of a Configuration's present template."""
    metadata, template = configuration["metadata"], configuration["spec"]["template"]
    template_metadata = template.get("metadata") or {}
    labels = {
        **(template_metadata.get("labels") or {}),
        PREFIX + "configuration": metadata["name"],
        PREFIX + "configurationGeneration": str(metadata["generation"]),
        PREFIX + "configurationUID": metadata["uid"],
        PREFIX + "service": (metadata.get("labels") or {}).get(PREFIX + "service", ""),
        PREFIX + "serviceUID": (metadata.get("labels") or {}).get(PREFIX + "serviceUID", ""),
        PREFIX + "routingState": "pending",
    }
    return {
        "apiVersion": "serving.knative.dev/v1", "kind": "Revision",
        "metadata": {
            "name": name, "namespace": metadata["namespace"], "labels": {key: value for key, value in labels.items() if value},
            "annotations": dict(template_metadata.get("annotations") or {}), "ownerReferences": [owner_reference(configuration)],
        },
        "spec": _spec(template),
    }  # fmt: skip


def _spec(template: Mapping[str, Any]) -> Object:
    """Return the template's spec with Knative's defaults."""
    spec = dict(template["spec"])
    spec["containers"] = [{"name": f"user-container{f'-{index}' if index else ''}", **each} for index, each in enumerate(spec["containers"])]
    return {"containerConcurrency": 0, "timeoutSeconds": 300, **spec}


def readiness_of(revision: Object) -> Condition:
    """Return the Configuration's Ready condition, from its latest revision."""
    found = find_condition(revision, "Ready")
    name = revision["metadata"]["name"]
    if found is None or found.status == "Unknown":
        return Condition("Unknown", found.reason if found else "", found.message if found else "")
    if found.status == "False":
        return Condition("False", "RevisionFailed", f'Revision "{name}" failed with message: {found.message or found.reason}.')
    return TRUE


def _usable(revision: Object) -> bool:
    """Return whether a revision may get traffic: it has been ready once.

    Scaled to zero or crashing, it still is the released revision.
    """
    found = find_condition(revision, READY_ONCE)
    return found is not None and found.status == "True"


def _generation(revision: Object) -> int:
    return int((revision["metadata"].get("labels") or {}).get(PREFIX + "configurationGeneration", "0"))


def _owned(revision: Object, uid: str) -> bool:
    return any(owner["uid"] == uid for owner in revision["metadata"].get("ownerReferences") or ())


def _configuration_of(revision: Object) -> Iterable[tuple[str | None, str]]:
    name = (revision["metadata"].get("labels") or {}).get(PREFIX + "configuration")
    return [(revision["metadata"]["namespace"], name)] if name else []
