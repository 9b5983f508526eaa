"""Versions of Kubernetes and of what runs in it, and whether that is available."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from knative.cluster.connection import ClusterApi
from knative.cluster.overlay import Object, Overlay
from knative.machine.doctor.finding import Finding, Level

Version = tuple[int, int]
MIN_KUBERNETES: Version = (1, 30)
"""ValidatingAdmissionPolicy is served as v1 from 1.30 on."""
TESTED_KUBERNETES: Version = (1, 36)
VERSION_LABEL = "app.kubernetes.io/version"


@dataclass(frozen=True)
class Component:
    """`deployments`: what must be available in `namespace`. `group`: needed where the overlay has objects of it; empty: always."""

    name: str
    namespace: str
    deployments: tuple[str, ...]
    source: str
    min_version: Version | None = None
    group: str = ""


COMPONENTS = (
    Component(
        "serving",
        "knative-serving",
        ("controller", "webhook", "activator", "autoscaler"),
        "https://knative.dev/docs/install/yaml-install/serving/install-serving-with-yaml/",
        (1, 23),
    ),
    Component(
        "eventing",
        "knative-eventing",
        ("eventing-controller", "eventing-webhook"),
        "https://knative.dev/docs/install/yaml-install/eventing/install-eventing-with-yaml/",
        (1, 23),
    ),
    Component(
        "rabbit-broker",
        "knative-eventing",
        ("rabbitmq-broker-controller", "rabbitmq-broker-webhook"),
        "https://knative.dev/docs/eventing/brokers/broker-types/rabbitmq-broker/",
    ),
    Component(
        "rabbit-server",
        "rabbitmq-system",
        ("rabbitmq-cluster-operator",),
        "https://www.rabbitmq.com/kubernetes/operator/install-operator",
    ),
    Component(
        "rabbit-users",
        "rabbitmq-system",
        ("messaging-topology-operator",),
        "https://www.rabbitmq.com/kubernetes/operator/install-topology-operator",
    ),
    Component(
        "cert-manager",
        "cert-manager",
        ("cert-manager", "cert-manager-webhook"),
        "https://cert-manager.io/docs/installation/",
        None,
        "cert-manager.io",
    ),
    Component("cnpg", "cnpg-system", ("cnpg-controller-manager",), "https://cloudnative-pg.io/documentation/", None, "postgresql.cnpg.io"),
    Component("keda", "keda", ("keda-operator",), "https://keda.sh/docs/latest/deploy/", None, "keda.sh"),
    Component("keda-knative", "knative-serving", ("autoscaler-keda",), "https://github.com/knative-extensions/autoscaler-keda", None, "keda.sh"),
)


def check_kubernetes(cluster: ClusterApi, _: Overlay) -> Iterator[Finding]:
    yield kubernetes_finding(_version(cluster.version["gitVersion"]), cluster.version["gitVersion"])


def kubernetes_finding(version: Version | None, text: str) -> Finding:
    if version is None or version < MIN_KUBERNETES:
        need = f"Kubernetes {_text(MIN_KUBERNETES)} or newer is needed: the overlay has ValidatingAdmissionPolicies."
        return Finding("kubernetes", Level.FAULT, f"version {text}", need)
    note = f"; tested with {_text(TESTED_KUBERNETES)}" if version > TESTED_KUBERNETES else ""
    return Finding("kubernetes", Level.GOOD, f"version {text}{note}")


def check_operators(cluster: ClusterApi, overlay: Overlay) -> Iterator[Finding]:
    groups = {version.rpartition("/")[0] for version, _ in overlay.kinds}
    deployments = cluster.listed("apps/v1", "Deployment")
    for component in COMPONENTS:
        if not component.group or component.group in groups:
            yield component_finding(component, deployments)


def component_finding(component: Component, deployments: Iterable[Object]) -> Finding:
    """`deployments`: of all namespaces. An operator that was installed into another namespace is found by its name."""
    by_name: dict[str, list[Object]] = {}
    for each in deployments:
        by_name.setdefault(each["metadata"]["name"], []).append(each)
    found = [nearest(by_name.get(name, []), component.namespace) for name in component.deployments]
    missing = [name for name, each in zip(component.deployments, found, strict=True) if each is None]
    if missing:
        need = f"Install {_named(component)}: {component.source}"
        return Finding(component.name, Level.FAULT, f"Deployment {', '.join(missing)} not found", need)
    present = [each for each in found if each is not None]
    text = next((each["metadata"].get("labels", {}).get(VERSION_LABEL, "") for each in present), "")
    version = _version(text)
    if component.min_version and version and version < component.min_version:
        need = f"Upgrade to {_text(component.min_version)} or newer, one minor version at a time: {component.source}"
        return Finding(component.name, Level.FAULT, f"version {text}", need)
    if waiting := [each["metadata"]["name"] for each in present if not (each.get("status") or {}).get("availableReplicas")]:
        where = present[0]["metadata"]["namespace"]
        return Finding(component.name, Level.FAULT, f"no available pod: {', '.join(waiting)}", f"kubectl -n {where} describe pods")
    if component.min_version and not version:
        return Finding(component.name, Level.WARNING, "available, version unknown", f"{_text(component.min_version)} or newer is needed.")
    return Finding(component.name, Level.GOOD, f"version {text}" if text else "available")


def nearest(found: list[Object], namespace: str) -> Object | None:
    """The one in its usual namespace, else the first."""
    return next((each for each in found if each["metadata"]["namespace"] == namespace), found[0] if found else None)


def _named(component: Component) -> str:
    return {
        "serving": "Knative Serving",
        "eventing": "Knative Eventing",
        "rabbit-broker": "eventing-rabbitmq",
        "rabbit-server": "the RabbitMQ cluster operator",
        "rabbit-users": "the RabbitMQ messaging topology operator",
        "cnpg": "CloudNativePG",
        "keda": "KEDA",
        "keda-knative": "Knative's extension for KEDA",
    }.get(component.name, component.name)


def _version(text: str) -> Version | None:
    """Major and minor of `1.36`, `v1.23.1` or `1.33+`."""
    match = re.match(r"v?(\d+)\.(\d+)", text or "")
    return (int(match[1]), int(match[2])) if match else None


def _text(version: Version) -> str:
    return ".".join(map(str, version))
