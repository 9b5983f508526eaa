"""What is applied for a tenant holds against Knative's own schema, and asks for nothing that a tenant may not have."""

from typing import Any
from uuid import uuid4

import pytest

from functions.deploy.domain import manifests, names
from functions.deploy.domain.environment import Terms
from tests.deploy.world import IMAGE, TEMPLATE, World
from tests.generated.kinds import CRDS, crd_faults, faults

FORBIDDEN = {"hostPath", "hostNetwork", "hostPID", "hostIPC", "privileged", "serviceAccountName", "hostPort", "nodeName"}


async def rendered(world: World) -> list[dict[str, Any]]:
    await world.built(await world.building())
    return list(world.cluster.objects.values())


def keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | set().union(*map(keys, value.values())) if value else set()
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


async def test_nothing_that_is_applied_reaches_out_of_its_pod(world: World) -> None:
    found = await rendered(world)
    assert {each["kind"] for each in found} == {"Namespace", "RoleBinding", "ResourceQuota", "NetworkPolicy", "Job", "Service"}
    for each in found:
        assert not keys(each) & FORBIDDEN
        for container in each.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
            context = {**container["securityContext"], "readOnlyRootFilesystem": False}  # a build needs no more than its volumes
            assert context == manifests.UNPRIVILEGED
            assert "memory" in container["resources"]["limits"]


async def test_every_field_is_one_that_kubernetes_and_knative_know(world: World) -> None:
    for each in await rendered(world):
        assert faults(each) == []
        if CRDS.is_dir():
            assert crd_faults(each) == []


async def test_the_service_scales_to_zero_and_has_no_account(world: World) -> None:
    (service,) = [each for each in await rendered(world) if each["kind"] == "Service"]
    template = service["spec"]["template"]
    assert template["spec"]["automountServiceAccountToken"] is False
    assert template["spec"]["enableServiceLinks"] is False
    assert service["spec"]["traffic"] == [{"latestRevision": True, "percent": 100}]
    assert template["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"] == "0"
    assert "periodSeconds" not in template["spec"]["containers"][0]["readinessProbe"], "it would slow every cold start"
    for labels in (service["metadata"]["labels"], template["metadata"]["labels"]):
        assert labels["capsule.dev/collect"] == "true"
        assert {"capsule.dev/application", "capsule.dev/environment", "capsule.dev/component"} <= set(labels)


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_longest_name_fits_a_host_name(environment: str) -> None:
    assert len(names.service_of("a" * 40, environment)) + len("-00001") <= 63


def test_the_operator_s_template_is_not_changed_and_its_own_variables_stay() -> None:
    template = {"spec": {"template": {"spec": {"initContainers": [{"name": "a"}], "containers": [{"name": "b", "env": [
        {"name": "LIMIT_SECONDS", "value": "9"}, {"name": "REPOSITORY", "value": "other"}]}]}}}}  # fmt: skip
    labels = {manifests.APPLICATION: "1", manifests.ENVIRONMENT: "staging", manifests.DEPLOYMENT: str(uuid4())}
    job = manifests.build_job(template, parameters={"REPOSITORY": "ours"}, application="hello", attempt=1, labels=labels)
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["env"] == [{"name": "LIMIT_SECONDS", "value": "9"}, {"name": "REPOSITORY", "value": "ours"}]
    assert pod["initContainers"][0]["env"] == [{"name": "REPOSITORY", "value": "ours"}]
    assert "metadata" not in template


def test_our_own_template_pushes_from_where_the_builder_leaves_its_image() -> None:
    pod = TEMPLATE["spec"]["template"]
    assert pod["metadata"]["annotations"]["local.capsule.dev/push"] == "/workspace/image"
    assert pod["spec"]["restartPolicy"] == "Never"
    assert TEMPLATE["spec"]["backoffLimit"] == 0, "a build that failed by itself fails again; one that was ended from outside is the saga's to repeat"


def test_a_release_s_pod_is_the_same_in_every_environment() -> None:
    pod = manifests.pod_of(IMAGE)
    labels = {manifests.APPLICATION: "1", manifests.DEPLOYMENT: "2"}
    staging, production = (
        manifests.service(application="hello", labels={**labels, manifests.ENVIRONMENT: each}, release={}, pod=pod, terms=Terms())
        for each in ("staging", "production")
    )
    assert staging["spec"]["template"]["spec"] == production["spec"]["template"]["spec"]
    assert "resources" not in pod["containers"][0], "how large it is, its environment says"
