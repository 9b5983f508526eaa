"""The policy of what the collector may do, read from the rendered objects: the one workload that mounts folders of a node."""

from pathlib import Path
from typing import Any

import pytest

from functions.describe.rabbitmq_permissions import COLLECTOR
from functions.describe.services import amqp_secret
from knative.cluster.overlay import Overlay
from tests.generated.rendering import KNATIVE, OVERLAYS, render

NAMESPACE = "capsule-collector"
HOST_PATHS = {"/var/log": True, "/var/lib/capsule-collector": False}
"""The only folders of a node that any object mounts: path → whether it is mounted read-only."""


def pod_specs(manifests: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    specs = []
    for manifest in manifests:
        if spec := manifest.get("spec", {}).get("template", {}).get("spec"):
            specs.append((f"{manifest['kind']}/{manifest['metadata']['name']}", spec))
    return specs


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_the_collector_mounts_folders_of_a_node_and_only_these(kubectl: Path, overlay: str) -> None:
    mounted = {}
    for name, spec in pod_specs(render(kubectl, KNATIVE / "overlays" / overlay)):
        paths = {volume["name"]: volume["hostPath"]["path"] for volume in spec.get("volumes", ()) if "hostPath" in volume}
        if paths:
            assert name == "DaemonSet/capsule-collector"
            for container in (*spec.get("initContainers", ()), *spec["containers"]):
                for mount in container["volumeMounts"]:
                    if mount["name"] in paths:
                        mounted[paths[mount["name"]]] = mount.get("readOnly", False)
    assert mounted == ({} if overlay.startswith("local") else HOST_PATHS)


@pytest.fixture
def production(kubectl: Path) -> list[dict[str, Any]]:
    return render(kubectl, KNATIVE / "overlays" / "production")


def test_it_runs_without_privileges_in_a_namespace_of_its_own(production: list[dict[str, Any]]) -> None:
    (daemon_set,) = [each for each in production if each["kind"] == "DaemonSet"]
    assert daemon_set["metadata"]["namespace"] == NAMESPACE
    assert {each["metadata"]["name"] for each in production if each["kind"] == "Namespace"} >= {"capsule", NAMESPACE}
    spec = daemon_set["spec"]["template"]["spec"]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert (spec["securityContext"]["runAsNonRoot"], spec["securityContext"]["runAsUser"]) == (True, 10001)
    for container in (*spec["initContainers"], *spec["containers"]):
        context = container["securityContext"]
        assert not context["allowPrivilegeEscalation"] and context["readOnlyRootFilesystem"] and context["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
        assert container["image"].startswith("registry.example.com/"), "the overlay's image"
    roots = [each["name"] for each in spec["initContainers"] if each["securityContext"].get("runAsUser") == 0]
    assert roots == ["state"] and spec["initContainers"][0]["command"] == ["chmod", "0770", "/var/lib/capsule-collector"]


def test_it_reads_pods_and_measurements_and_no_more(production: list[dict[str, Any]]) -> None:
    bound = [
        each["roleRef"]["name"]
        for each in production
        if each["kind"] in ("ClusterRoleBinding", "RoleBinding") and any(subject["namespace"] == NAMESPACE for subject in each["subjects"])
    ]
    assert bound == ["capsule-collector"]
    (role,) = [each for each in production if each["kind"] == "ClusterRole" and each["metadata"]["name"] == "capsule-collector"]
    assert [(rule["apiGroups"], rule["resources"], rule["verbs"]) for rule in role["rules"]] == [
        ([""], ["pods"], ["get", "list", "watch"]),
        ([""], ["nodes/metrics"], ["get"]),
    ]


def test_it_has_a_rabbitmq_user_of_its_own_and_verifies_the_server(production: list[dict[str, Any]]) -> None:
    (daemon_set,) = [each for each in production if each["kind"] == "DaemonSet"]
    spec = daemon_set["spec"]["template"]["spec"]
    assert [each["secret"]["secretName"] for each in spec["volumes"] if "secret" in each] == [amqp_secret(COLLECTOR)]
    variables = {each["name"]: each.get("value") for each in spec["containers"][0]["env"]}
    assert variables["CAPSULE_REQUIRE_TLS"] == "on"
    assert any(each.get("configMap", {}).get("name") == "capsule-authorities" for each in spec["volumes"])


def test_its_secret_is_the_only_one_that_is_copied_into_another_namespace(production: list[dict[str, Any]]) -> None:
    assert Overlay("production", tuple(production)).namespaces_of_copies == {"collector-amqp": ["capsule-collector"]}
