"""Storage classes, and settings of Knative that functions, volumes and the collector need."""

from collections.abc import Iterator, Mapping

from functions.deploy.adapters.variables import VOLUMES_STORAGE_CLASS
from knative.cluster.connection import ClusterApi
from knative.cluster.overlay import Object, Overlay
from knative.machine.doctor.finding import Finding, Level

DEFAULT = "storageclass.kubernetes.io/is-default-class"
FEATURES = (
    "kubernetes.podspec-persistent-volume-claim",
    "kubernetes.podspec-persistent-volume-write",
    "kubernetes.podspec-securitycontext",
    "kubernetes.podspec-affinity",
)
APPLY_FEATURES = "kubectl apply --server-side -k knative/overlays/staging/knative-serving"


def check(cluster: ClusterApi, overlay: Overlay) -> Iterator[Finding]:
    classes = cluster.listed("storage.k8s.io/v1", "StorageClass")
    named = overlay.settings.get(VOLUMES_STORAGE_CLASS.name, "")
    yield class_finding(classes, named, has_claims=bool(overlay.of_kind("Cluster", "RabbitmqCluster")))


def class_finding(classes: list[Object], named: str, *, has_claims: bool) -> Finding:
    """`named`: the class of CAPSULE_VOLUMES_STORAGE_CLASS. `has_claims`: whether the overlay itself stores data, in the default class."""
    names = {each["metadata"]["name"]: each for each in classes}
    if named and named not in names:
        remedy = f"One of: {', '.join(sorted(names)) or 'none exists'}"
        return Finding("storage", Level.FAULT, f"{VOLUMES_STORAGE_CLASS.name} is {named}, which does not exist", remedy)
    default = next((name for name, each in names.items() if (each["metadata"].get("annotations") or {}).get(DEFAULT) == "true"), None)
    chosen = named or default
    if default is None and (has_claims or not named):
        mark = f"kubectl annotate storageclass NAME {DEFAULT}=true"
        level = Level.FAULT if has_claims else Level.WARNING
        without = "servers of the overlay would get no disk" if has_claims else "applications get no volumes"
        return Finding("storage", level, f"no default StorageClass: {without}", mark)
    if chosen and not names[chosen].get("allowVolumeExpansion"):
        return Finding("storage", Level.WARNING, f"{chosen} does not allow expansion: volumes cannot grow", "Set allowVolumeExpansion: true on it.")
    return Finding("storage", Level.GOOD, f"volumes are of class {chosen}")


def check_features(cluster: ClusterApi, overlay: Overlay) -> Iterator[Finding]:
    yield feature_finding(_setting_of_serving(cluster, "config-features"))
    if overlay.services:
        yield scale_finding(_setting_of_serving(cluster, "config-autoscaler"))
    if overlay.of_kind("DaemonSet"):
        yield requests_finding(_setting_of_serving(cluster, "config-observability"))


def _setting_of_serving(cluster: ClusterApi, name: str) -> Mapping[str, str]:
    found = cluster.present({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "knative-serving"}})
    return (found or {}).get("data") or {}


def feature_finding(data: Mapping[str, str]) -> Finding:
    if missing := [name for name in FEATURES if data.get(name, "").lower() not in ("enabled", "allowed")]:
        return Finding("features", Level.WARNING, f"Knative refuses volumes of applications: {', '.join(missing)}", f"Enable them: {APPLY_FEATURES}")
    return Finding("features", Level.GOOD, "Knative admits volumes of applications")


def scale_finding(data: Mapping[str, str]) -> Finding:
    """`data`: of config-autoscaler."""
    if data.get("allow-zero-initial-scale", "").lower() != "true":
        return Finding(
            "features", Level.FAULT, "Knative refuses Services that start at zero (allow-zero-initial-scale)", f"Allow them: {APPLY_FEATURES}"
        )
    return Finding("features", Level.GOOD, "Knative lets functions start at zero")


def requests_finding(data: Mapping[str, str]) -> Finding:
    """`data`: of config-observability. Queue-proxies of Serving before 1.19 expose their requests without a setting."""
    if data.get("request-metrics-protocol", "") != "prometheus" and "metrics.request-metrics-backend-destination" not in data:
        detail = "queue-proxies do not expose requests: deployments would fail with not-measured, and bills would be empty"
        return Finding("features", Level.FAULT, detail, f"Turn them on: {APPLY_FEATURES}")
    return Finding("features", Level.GOOD, "queue-proxies expose requests for the collector")
