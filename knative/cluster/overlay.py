"""The manifests of an installation, and what they need of a cluster: pure questions about rendered objects."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from functions.runtime.config.variables import REQUIRE_TLS
from knative.machine import kustomize
from knative.machine.home import PROJECT, Home
from knative.machine.installation_objects import NAMESPACE
from knative.machine.problems import Problem

Object = dict[str, Any]
OVERLAYS = PROJECT / "knative" / "overlays"
GATEWAY = "edge-gateway"
SETTINGS = "capsule-settings"
"""The ConfigMap that every function reads."""
PLACEHOLDER_IMAGES = ("capsule.local/", "registry.example.com/")
"""How images begin that no cluster can pull."""


def folder_of(name: str) -> Path:
    """The folder of an overlay: a path, or a name in knative/overlays. Raises: Problem."""
    for folder in (Path(name), OVERLAYS / name):
        if (folder / "kustomization.yaml").is_file():
            return folder.resolve()
    raise Problem(
        f'"{name}" is no overlay: neither {name}/kustomization.yaml nor {OVERLAYS.relative_to(PROJECT)}/{name} exists.', "Pass --overlay FOLDER"
    )


@dataclass(frozen=True)
class Overlay:
    """Rendered objects, in the order in which kustomize applies them."""

    name: str
    objects: tuple[Object, ...]

    @classmethod
    def read(cls, home: Home, name: str) -> "Overlay":
        """Render with kubectl, which is downloaded into the state folder if it is not on PATH. Raises: Problem."""
        folder = folder_of(name)
        objects = tuple(kustomize.render_folder(home, folder))
        if not objects:
            raise Problem(f"The overlay {name} has no objects.", "Include knative/base in its resources: docs/cluster.md, The overlay")
        return cls(name, objects)

    def of_kind(self, *kinds: str) -> list[Object]:
        return [each for each in self.objects if each["kind"] in kinds]

    def find(self, kind: str, name: str) -> Object | None:
        return next((each for each in self.of_kind(kind) if each["metadata"]["name"] == name), None)

    @cached_property
    def services(self) -> list[Object]:
        """Knative Services."""
        return [each for each in self.objects if each["kind"] == "Service" and each["apiVersion"].startswith("serving.knative.dev/")]

    @property
    def settings(self) -> dict[str, str]:
        """The content of the ConfigMap `capsule-settings`."""
        found = self.find("ConfigMap", SETTINGS)
        return dict((found or {}).get("data") or {})

    @property
    def image(self) -> str:
        """The image of the platform, that of the gateway. Raises: Problem without one."""
        gateway = next((each for each in self.services if each["metadata"]["name"] == GATEWAY), None)
        if gateway is None:
            raise Problem(f"The overlay {self.name} has no Service {GATEWAY}.", "Include knative/base in its resources.")
        return str(gateway["spec"]["template"]["spec"]["containers"][0]["image"])

    @property
    def requires_tls(self) -> bool:
        return REQUIRE_TLS.read(self.settings)

    @property
    def broker_server(self) -> tuple[str, str]:
        """Namespace and name of the RabbitmqCluster that the Broker uses. Raises: Problem without a Broker."""
        configs = self.of_kind("RabbitmqBrokerConfig")
        if not configs:
            raise Problem(f"The overlay {self.name} has no RabbitmqBrokerConfig.", "Include knative/base in its resources.")
        reference = configs[0]["spec"]["rabbitmqClusterReference"]
        return str(reference.get("namespace", NAMESPACE)), str(reference["name"])

    @property
    def kinds(self) -> dict[tuple[str, str], int]:
        """(apiVersion, kind) → number of objects."""
        counts: dict[tuple[str, str], int] = {}
        for each in self.objects:
            key = (each["apiVersion"], each["kind"])
            counts[key] = counts.get(key, 0) + 1
        return counts

    @property
    def own_authorities(self) -> list[tuple[str, str]]:
        """Namespace and name of the Secrets with `ca.crt` of the servers that the overlay itself runs."""
        found = []
        for item in self.of_kind("RabbitmqCluster", "Cluster"):
            namespace, name = item["metadata"]["namespace"], item["metadata"]["name"]
            secret = f"{name}-ca" if item["kind"] == "Cluster" else item["spec"].get("tls", {}).get("caSecretName")
            if secret:
                found.append((namespace, secret))
        return found

    @cached_property
    def namespaces_of_copies(self) -> dict[str, list[str]]:
        """Secret → the other namespaces with workloads that read it too: the collector's. Each needs a copy."""
        found: dict[str, list[str]] = {}
        for item in self.objects:
            namespace = item["metadata"].get("namespace", NAMESPACE)
            for kind, name, _ in references(item) if namespace != NAMESPACE else ():
                if kind == "Secret" and namespace not in (namespaces := found.setdefault(name, [])):
                    namespaces.append(namespace)
        return found

    def copies_of(self, objects: Iterable[Object]) -> list[Object]:
        """Return the copies of these Secrets (or ExternalSecrets) for other namespaces."""
        found = self.namespaces_of_copies
        return [
            {**each, "metadata": {**each["metadata"], "namespace": namespace}}
            for each in objects
            if each["kind"] in ("Secret", "ExternalSecret")
            for namespace in found.get(each["metadata"]["name"], ())
        ]

    def required_values(self) -> dict[tuple[str, str], set[str]]:
        """(kind, name) of the Secrets and ConfigMaps that the overlay reads and does not contain → keys without which a workload does not start."""
        own = {(each["kind"], each["metadata"]["name"]) for each in self.of_kind("Secret", "ConfigMap")}
        found: dict[tuple[str, str], set[str]] = {}
        for item in self.objects:
            for kind, name, keys in references(item):
                if (kind, name) not in own:
                    found.setdefault((kind, name), set()).update(keys)
        return found


def references(item: Object) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The Secrets and ConfigMaps that an object cannot do without: kind, name, and the keys that it reads (none: all)."""
    if item["kind"] == "User" and "importCredentialsSecret" in item["spec"]:
        yield "Secret", item["spec"]["importCredentialsSecret"]["name"], ("username", "password")
    pod = pod_spec(item)
    if pod is None:
        return
    for container in (*pod.get("initContainers", ()), *pod.get("containers", ())):
        for variable in container.get("env", ()):
            source = variable.get("valueFrom", {})
            for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
                if (reference := source.get(field)) and not reference.get("optional"):
                    yield kind, reference["name"], (reference["key"],)
        for source in container.get("envFrom", ()):
            for field, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
                if (reference := source.get(field)) and not reference.get("optional"):
                    yield kind, reference["name"], ()
    for volume in pod.get("volumes", ()):
        sources = [volume, *volume.get("projected", {}).get("sources", ())]
        for source in sources:
            for field, kind, name_field in (("secret", "Secret", "secretName"), ("configMap", "ConfigMap", "name")):
                if (reference := source.get(field)) and not reference.get("optional"):
                    yield kind, reference.get(name_field) or reference["name"], tuple(each["key"] for each in reference.get("items", ()))


def pod_spec(item: Object) -> Object | None:
    """The pod that a workload runs; None for other objects."""
    template = (item.get("spec") or {}).get("template")
    if not isinstance(template, dict):
        return None
    spec = template.get("spec")
    return dict(spec) if isinstance(spec, dict) and "containers" in spec else None
