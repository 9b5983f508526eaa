"""What every rendered object must fulfil: images, limits, users, no secret in clear, nothing of the node."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.describe.settings import sections
from tests.generated.kinds import Manifest
from tests.generated.rendering import CLUSTERS, KNATIVE, OVERLAYS, containers, documents, pods, render

CREDENTIALS = re.compile(r"://[^/\s:@]+:[^/\s@<…]+@|-----BEGIN [A-Z ]*PRIVATE KEY|\bsk_(live|test)_\w{8}|\bwhsec_\w{8}|\bAKIA[0-9A-Z]{16}")
OF_THE_NODE = {"DaemonSet/capsule-collector": {"/var/log", "/var/lib/capsule-collector"}}
"""What reads its node, in a namespace of its own: the collector of logs. Its first container, as root without capabilities, gives it its folder."""
WRITES_ITS_ROOT = {"ConfigMap/capsule-build/job.yaml/buildpacks"}
"""Containers of images that write into its own root file system: the lifecycle of Cloud Native Buildpacks."""
HOST = ("hostNetwork", "hostPID", "hostIPC", "hostUsers", "shareProcessNamespace")


@pytest.fixture(scope="module", params=[*OVERLAYS, "grouped"])
def manifests(request: pytest.FixtureRequest, kubectl: Path, grouped: Path) -> list[Manifest]:
    return render(kubectl, grouped if request.param == "grouped" else KNATIVE / "overlays" / request.param)


def test_every_container_has_limits_and_requests(manifests: list[Manifest]) -> None:
    for name, pod in pods(manifests):
        for container in containers(pod):
            resources = container.get("resources", {})
            assert {"cpu", "memory"} <= set(resources.get("requests", {})) and "memory" in resources.get("limits", {}), f"{name}/{container['name']}"


def test_every_container_runs_unprivileged(manifests: list[Manifest]) -> None:
    for name, pod in pods(manifests):
        for container in containers(pod):
            context = {**pod.get("securityContext", {}), **container.get("securityContext", {})}
            is_root = context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0
            assert not is_root or (name in OF_THE_NODE and container in pod["initContainers"]), f"{name}/{container['name']}"
            is_read_only = context.get("readOnlyRootFilesystem") is True or f"{name}/{container['name']}" in WRITES_ITS_ROOT
            assert context.get("allowPrivilegeEscalation") is False and is_read_only, f"{name}/{container['name']}"
            assert context.get("capabilities") == {"drop": ["ALL"]} and not context.get("privileged"), f"{name}/{container['name']}"
            assert context.get("seccompProfile") == {"type": "RuntimeDefault"}, f"{name}/{container['name']}"


def test_no_pod_has_anything_of_its_node(manifests: list[Manifest]) -> None:
    for name, pod in pods(manifests):
        assert not set(HOST) & set(pod), name
        assert {each["hostPath"]["path"] for each in pod.get("volumes", ()) if "hostPath" in each} <= OF_THE_NODE.get(name, set()), name
        assert not [port for each in containers(pod) for port in each.get("ports", ()) if "hostPort" in port], name


def test_a_pod_without_an_account_of_its_own_has_no_token(manifests: list[Manifest]) -> None:
    for name, pod in pods(manifests):
        assert pod.get("serviceAccountName") or pod.get("automountServiceAccountToken") is False, name


def test_no_object_contains_a_secret(manifests: list[Manifest]) -> None:
    """Secrets are created by operators. Settings that are secret are read from Secrets, and no text looks like a credential."""
    secret = {each.name for section in sections() for each in section.settings if each.is_secret and "<" not in each.name}
    assert "CAPSULE_STRIPE_API_KEY" in secret
    for manifest in manifests:
        name = f"{manifest['kind']}/{manifest['metadata']['name']}"
        assert manifest["kind"] != "Secret", name
        if manifest["kind"] == "ConfigMap":
            assert not secret & set(manifest.get("data", {})), name
        for text in texts(manifest):
            assert not CREDENTIALS.search(text), f"{name}: {text[:80]}"
    for name, pod in pods(manifests):
        in_clear = [each["name"] for container in containers(pod) for each in container.get("env", ()) if each["name"] in secret and "value" in each]
        assert in_clear == [], name


@pytest.mark.parametrize("overlay", CLUSTERS)
def test_the_overlay_names_the_image_of_every_workload_once(kubectl: Path, overlay: str) -> None:
    """So a digest in its place reaches all of them. The build Job's own images are in a ConfigMap, which `images` does not reach."""
    [image] = yaml.safe_load((KNATIVE / "overlays" / overlay / "kustomization.yaml").read_text())["images"]
    assert image["name"] == "capsule.local/capsule" and image["newTag"] != "latest"
    workloads = [each for each in render(kubectl, KNATIVE / "overlays" / overlay) if each["kind"] != "ConfigMap"]
    images = {each["image"] for _, pod in pods(workloads) for each in containers(pod)}
    assert images == {f"{image['newName']}:{image['newTag']}"}


def test_an_object_that_breaks_a_rule_is_found() -> None:
    text = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: bad}\nspec: {template: {spec: {hostNetwork: true, containers: [{name: a, image: x}]}}}"
    bad = documents(text)
    for rule in (test_every_container_has_limits_and_requests, test_every_container_runs_unprivileged, test_no_pod_has_anything_of_its_node):
        with pytest.raises(AssertionError, match="Job/bad"):
            rule(bad)
    with pytest.raises(AssertionError, match="Job/bad"):
        test_a_pod_without_an_account_of_its_own_has_no_token(bad)
    leaking = documents("kind: ConfigMap\nmetadata: {name: leak}\ndata: {url: 'amqp://deploy:hunter22@rabbitmq'}")
    with pytest.raises(AssertionError, match="ConfigMap/leak"):
        test_no_object_contains_a_secret(leaking)


def texts(value: Any) -> Iterator[str]:
    """Every text in an object."""
    if isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value
