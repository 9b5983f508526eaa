"""Services: create a Configuration and a Route of the same name, and summarize their status."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from knative.local.objects import Object, now, owner_reference
from knative.local.serving.conditions import TRUE, Condition, condition_entries, find_condition, summarize
from knative.local.serving.configurations import CONFIGURATION, PREFIX
from knative.local.serving.naming import traffic_of
from knative.local.serving.routes import ROUTE
from knative.local.store import Store, kind_of

SERVICE = "Service.serving.knative.dev"
NOT_MIGRATED = Condition("Unknown", "TrafficNotMigrated", "Traffic is not yet migrated to the latest revision.")


class ServiceReconciler:
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
        """Configuration and Route name it as their owner and are garbage-collected."""

    async def reconcile(self, object: Object) -> None:
        if "deletionTimestamp" in object["metadata"]:
            return
        metadata = object["metadata"]
        configuration = self._ensure(child(object, "Configuration", {"template": object["spec"]["template"]}))
        route = self._ensure(child(object, "Route", {"traffic": [_route_target(metadata["name"], each) for each in traffic_of(object)]}))
        status = status_of(object, configuration, route)
        self._store.set_status(SERVICE, metadata["namespace"], metadata["name"], status)

    def _ensure(self, desired: Object) -> Object:
        """Apply a child that does not hold exactly what is desired. A start reconciles every Service, and almost all have such children."""
        metadata = desired["metadata"]
        live = self._store.find(kind_of(desired), metadata["namespace"], metadata["name"])
        if live is not None and live["spec"] == desired["spec"] and all(live["metadata"].get(field) == value for field, value in metadata.items()):
            return live
        return self._store.apply(desired)


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


def _route_target(name: str, target: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Service's traffic target as its Route has it: one without a revision names the Configuration whose latest revision it means."""
    return {**target} if target.get("revisionName") else {**target, "configurationName": name, "latestRevision": True}


def status_of(service: Object, configuration: Object, route: Object) -> dict[str, Any]:
    before = service.get("status") or {}
    configuration_status, route_status = configuration.get("status") or {}, route.get("status") or {}
    conditions = {"ConfigurationsReady": _readiness(configuration), "RoutesReady": _readiness(route)}
    latest = configuration_status.get("latestReadyRevisionName")
    if conditions["RoutesReady"].status == "True" and latest:
        desired = {each.get("tag") for each in route["spec"]["traffic"] if each.get("latestRevision")}
        traffic = route_status.get("traffic") or ()
        migrated = {each.get("tag") for each in traffic if each.get("latestRevision") and each.get("revisionName") == latest}
        if desired - migrated:
            conditions["RoutesReady"] = NOT_MIGRATED
    conditions["Ready"] = summarize(conditions, ("ConfigurationsReady", "RoutesReady"))
    status: dict[str, Any] = {"observedGeneration": service["metadata"]["generation"]}
    names = ("latestCreatedRevisionName", "latestReadyRevisionName")
    status |= {field: configuration_status[field] for field in names if field in configuration_status}
    status |= {field: route_status[field] for field in ("url", "address", "traffic") if field in route_status}
    return status | {"conditions": condition_entries(conditions, before.get("conditions") or [], now())}


def _readiness(child: Object) -> Condition:
    """Return a child's Ready condition, Unknown while its present generation has not been reconciled."""
    condition = find_condition(child, "Ready")
    if condition is None or (child.get("status") or {}).get("observedGeneration") != child["metadata"].get("generation"):
        is_outdated = condition is None or condition.status == "True"
        return Condition("Unknown", "OutOfDate", f"{child['kind']} is not reconciled yet.") if is_outdated else Condition("Unknown")
    return TRUE if condition.status == "True" else condition
