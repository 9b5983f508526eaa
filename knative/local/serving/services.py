"""A Service is a Configuration and a Route of its name, and what the two say."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from knative.local.objects import Object, now, owner_reference
from knative.local.serving.conditions import TRUE, Condition, read, ready, written
from knative.local.serving.configurations import CONFIGURATION, PREFIX
from knative.local.serving.naming import traffic_of
from knative.local.serving.routes import ROUTE
from knative.local.store import Store

SERVICE = "Service.serving.knative.dev"
NOT_MIGRATED = Condition("Unknown", "TrafficNotMigrated", "Traffic is not yet migrated to the latest revision.")


class ServiceObjects:
    kind = SERVICE

    def __init__(self, store: Store) -> None:
        self._store = store

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[tuple[str | None, str]]]]:
        def same_name(object: Object) -> Iterable[tuple[str | None, str]]:
            metadata = object["metadata"]
            owned = any(owner["kind"] == "Service" for owner in metadata.get("ownerReferences") or ())
            return [(metadata["namespace"], metadata["name"])] if owned else []

        return {CONFIGURATION: same_name, ROUTE: same_name}

    async def on_deleted(self, object: Object) -> None:
        """Configuration and Route name it as their owner and go with it."""

    async def reconcile(self, object: Object) -> None:
        if "deletionTimestamp" in object["metadata"]:
            return
        metadata = object["metadata"]
        configuration = self._store.apply(child(object, "Configuration", {"template": object["spec"]["template"]}))
        route = self._store.apply(child(object, "Route", {"traffic": [_routed(metadata["name"], each) for each in traffic_of(object)]}))
        status = status_of(object, configuration, route)
        self._store.set_status(SERVICE, metadata["namespace"], metadata["name"], status)


def child(service: Object, kind: str, spec: Mapping[str, Any]) -> Object:
    metadata = service["metadata"]
    labels = {**(metadata.get("labels") or {}), PREFIX + "service": metadata["name"], PREFIX + "serviceUID": metadata["uid"]}
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if not key.startswith("kubectl.kubernetes.io/")}
    return {
        "apiVersion": "serving.knative.dev/v1", "kind": kind,
        "metadata": {
            "name": metadata["name"], "namespace": metadata["namespace"], "labels": labels, "annotations": annotations,
            "ownerReferences": [owner_reference(service)],
        },
        "spec": dict(spec),
    }  # fmt: skip


def _routed(name: str, target: Mapping[str, Any]) -> dict[str, Any]:
    """A Route names the Configuration whose latest revision it means."""
    return {**target} if target.get("revisionName") else {**target, "configurationName": name, "latestRevision": True}


def status_of(service: Object, configuration: Object, route: Object) -> dict[str, Any]:
    before = service.get("status") or {}
    made, routed = configuration.get("status") or {}, route.get("status") or {}
    conditions = {"ConfigurationsReady": _said(configuration), "RoutesReady": _said(route)}
    latest = made.get("latestReadyRevisionName")
    if conditions["RoutesReady"].status == "True" and latest:
        wants = {each.get("tag") for each in route["spec"]["traffic"] if each.get("latestRevision")}
        has = {each.get("tag") for each in routed.get("traffic") or () if each.get("latestRevision") and each.get("revisionName") == latest}
        if wants - has:
            conditions["RoutesReady"] = NOT_MIGRATED
    conditions["Ready"] = ready(conditions, ("ConfigurationsReady", "RoutesReady"))
    status: dict[str, Any] = {"observedGeneration": service["metadata"]["generation"]}
    status |= {field: made[field] for field in ("latestCreatedRevisionName", "latestReadyRevisionName") if field in made}
    status |= {field: routed[field] for field in ("url", "address", "traffic") if field in routed}
    return status | {"conditions": written(conditions, before.get("conditions") or [], now())}


def _said(child: Object) -> Condition:
    found = read(child, "Ready")
    if found is None or (child.get("status") or {}).get("observedGeneration") != child["metadata"].get("generation"):
        return Condition("Unknown", "OutOfDate", "It is not reconciled yet.") if found is None or found.status == "True" else Condition("Unknown")
    return TRUE if found.status == "True" else found
