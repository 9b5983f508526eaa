"""Every manifest has a known kind and known fields, and the validators reject others."""

import copy
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.generated.kinds import CRDS, Manifest, crd_faults, faults
from tests.generated.rendering import KNATIVE, OVERLAYS, documents, render

FILES = sorted(
    file for folder in ("base", "overlays", "components") for file in (KNATIVE / folder).rglob("*.yaml") if file.name != "kustomization.yaml"
)


def problems(manifests: list[Manifest]) -> list[str]:
    return [problem for manifest in manifests for problem in problems_of(json.dumps(manifest, sort_keys=True))]


@cache
def problems_of(text: str) -> list[str]:
    """Return the problems of a manifest in JSON. The overlays have most objects in common."""
    manifest = json.loads(text)
    name = f"{manifest.get('kind')} {manifest.get('metadata', {}).get('name')}"
    by_crds = crd_faults(manifest) if CRDS.is_dir() else []
    return [f"{name}: {fault}" for fault in faults(manifest)] + [f"{name} (CRD): {fault}" for fault in by_crds]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(KNATIVE).as_posix())
def test_every_manifest_is_valid(file: Path) -> None:
    manifests = documents(file.read_text())
    assert manifests
    assert problems(manifests) == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_overlay_renders_to_valid_manifests(kubectl: Path, overlay: str) -> None:
    manifests = render(kubectl, KNATIVE / "overlays" / overlay)
    assert problems(manifests) == []
    assert_closed(manifests)


def test_the_grouped_component_has_one_service_and_trigger_per_context(kubectl: Path, grouped: Path) -> None:
    manifests = render(kubectl, grouped)
    assert problems(manifests) == []
    assert_closed(manifests)
    names = {kind: sorted(m["metadata"]["name"] for m in manifests if m["kind"] == kind) for kind in ("Service", "Trigger")}
    contexts = ["auth", "billing", "deploy", "monitor"]
    assert names == {"Service": sorted([*contexts, "dashboard", "dead-letters", "edge-gateway", "edge-terminal"]), "Trigger": contexts}


BY_THE_OPERATOR = re.compile(
    r"capsule-authorities|capsule-jwks|capsule-sealing|auth-signing|(auth|billing|deploy|monitor)-(database|migration|sealing)"
    r"|(auth|billing|collector|deploy|monitor|edge|runtime|topology)-amqp|(samples|stripe-stand-in)-settings"
)
"""Secrets and ConfigMaps that operators create before they apply manifests (base/kustomization.yaml lists them)."""


def secrets(manifest: Manifest) -> set[str]:
    """Return the Secrets without which a workload does not start."""
    spec = manifest.get("spec", {})
    containers = spec.get("template", {}).get("spec", {}).get("containers", ())
    sources = [each["valueFrom"].get("secretKeyRef") for container in containers for each in container.get("env", ()) if "valueFrom" in each]
    volumes = spec.get("template", {}).get("spec", {}).get("volumes", ())
    projected = [each["secret"] for volume in volumes for each in volume.get("projected", {}).get("sources", ()) if "secret" in each]
    required = [each for each in projected if not each.get("optional")]
    return {source["name"] for source in (*sources, *required, spec.get("importCredentialsSecret")) if source}


def assert_closed(manifests: list[Manifest]) -> None:
    """Check that every reference to a Service, account, role or mounted object resolves."""
    known = {(m["kind"], m["metadata"]["name"]) for m in manifests}
    for manifest in manifests:
        spec = manifest.get("spec", {})
        for reference in (spec.get("subscriber"), spec.get("sink"), spec.get("delivery", {}).get("deadLetterSink")):
            if reference:
                assert (reference["ref"]["kind"], reference["ref"]["name"]) in known
        if "roleRef" in manifest:
            assert (manifest["roleRef"]["kind"], manifest["roleRef"]["name"]) in known
            assert all((subject["kind"], subject["name"]) in known for subject in manifest["subjects"])
        for name in secrets(manifest):
            assert BY_THE_OPERATOR.fullmatch(name), f"{manifest['metadata']['name']} reads the Secret {name}: operators do not create it"
        if reference := spec.get("userReference"):
            assert ("User", reference["name"]) in known
        account = spec.get("template", {}).get("spec", {}).get("serviceAccountName") or spec.get("serviceAccountName")
        assert account is None or ("ServiceAccount", account) in known
        for volume in spec.get("template", {}).get("spec", {}).get("volumes", ()):
            name = volume.get("configMap", {}).get("name") or volume.get("secret", {}).get("secretName")
            kinds = {("ConfigMap", name), ("Secret", name)}
            assert name is None or BY_THE_OPERATOR.fullmatch(name) or kinds & known, (
                f"{manifest['metadata']['name']} mounts {name}: nothing creates it"
            )


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_admission_policies_come_before_what_grants_and_what_runs(kubectl: Path, overlay: str) -> None:
    kinds = [manifest["kind"] for manifest in render(kubectl, KNATIVE / "overlays" / overlay)]
    last = max(index for index, kind in enumerate(kinds) if kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"))
    first = min(index for index, kind in enumerate(kinds) if kind in ("RoleBinding", "ClusterRoleBinding", "Service", "Job"))
    assert last < first


pytestmark = pytest.mark.filterwarnings("ignore:Field name .* shadows an attribute:UserWarning")  # of a model in a package


def trigger() -> Manifest:
    file = KNATIVE / "base" / "auth.yaml"
    return copy.deepcopy(next(document for document in documents(file.read_text()) if document["kind"] == "Trigger"))


def service() -> Manifest:
    file = KNATIVE / "base" / "auth.yaml"
    return copy.deepcopy(next(document for document in documents(file.read_text()) if document["kind"] == "Service"))


def change(manifest: Manifest, path: str, value: Any) -> Manifest:
    *steps, last = path.split(".")
    place: Any = manifest
    for step in steps:
        place = place[int(step)] if step.isdigit() else place[step]
    place[last] = value
    return manifest


def permission() -> Manifest:
    file = KNATIVE / "base" / "rabbitmq.yaml"
    return copy.deepcopy(next(document for document in documents(file.read_text()) if document["kind"] == "TopicPermission"))


INVALID: dict[str, Callable[[], Manifest]] = {
    "a field that no Trigger has": lambda: change(trigger(), "spec.filtre", {}),
    "a field that no reference has": lambda: change(trigger(), "spec.subscriber.ref.nom", "x"),
    "a wrong type": lambda: change(trigger(), "spec.broker", 7),
    "a field that no container has": lambda: change(service(), "spec.template.spec.containers.0.imagee", "x"),
    "a field that no pod template has": lambda: change(service(), "spec.template.spec.replicas", 3),
    "a kind that does not exist": lambda: change(service(), "kind", "Servise"),
    "a version that does not exist": lambda: change(service(), "apiVersion", "serving.knative.dev/v7"),
    "a core field that does not exist": lambda: {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "datas": {}},
    "a core kind that does not exist": lambda: {"apiVersion": "v1", "kind": "ConfigMop", "metadata": {"name": "x"}},
    "a field that no permission has": lambda: change(permission(), "spec.permissions.execute", ".*"),
    "a field that no user has": lambda: change(change(permission(), "kind", "User"), "spec.pasword", "x"),
    "a pattern that is no text": lambda: change(permission(), "spec.permissions.write", 7),
    "a broker setting that does not exist": lambda: {
        "apiVersion": "eventing.knative.dev/v1alpha1",
        "kind": "RabbitmqBrokerConfig",
        "metadata": {"name": "x"},
        "spec": {"queueTipe": "quorum"},
    },
}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_function_has_only_the_rabbitmq_user_of_its_context(kubectl: Path, overlay: str) -> None:
    manifests = render(kubectl, KNATIVE / "overlays" / overlay)
    workloads = [m for m in manifests if m["kind"] in ("Service", "Job", "Deployment")]
    has = {m["metadata"]["name"]: {name for name in secrets(m) if name.endswith("-amqp")} for m in workloads}
    for manifest in manifests:
        component = manifest["metadata"].get("labels", {}).get("app.kubernetes.io/component")
        if manifest["kind"] == "Service" and component in ("auth", "billing", "deploy", "monitor", "edge", "runtime"):
            assert has[manifest["metadata"]["name"]] == {f"{component}-amqp"}
    assert has["capsule-topology"] == {"topology-amqp"}
    users = {m["metadata"]["name"] for m in manifests if m["kind"] == "User"}
    on_one_machine = overlay.startswith("local")
    assert users == (set() if on_one_machine else {"auth", "billing", "collector", "deploy", "monitor", "edge", "runtime", "topology"})


@pytest.mark.parametrize("fault", INVALID)
def test_an_invalid_manifest_is_rejected(fault: str) -> None:
    manifest = INVALID[fault]()
    assert faults(manifest), "by PyPI"
    if CRDS.is_dir() and manifest["apiVersion"] != "v1" and fault != "a field that no Trigger has":  # its CRD preserves unknown fields
        assert crd_faults(manifest), "by the CRDs"
