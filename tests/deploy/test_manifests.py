"""Applied manifests match the schemas of Kubernetes and Knative, and contain nothing that a tenant may not have."""

from typing import Any
from uuid import uuid4

import pytest

from functions.deploy.domain import manifests, names
from functions.deploy.domain.environment import Terms
from tests.deploy.deploy_capsule import IMAGE, TEMPLATE, DeployCapsule
from tests.generated.kinds import CRDS, crd_faults, faults

FORBIDDEN = {"hostPath", "hostNetwork", "hostPID", "hostIPC", "privileged", "serviceAccountName", "hostPort", "nodeName"}


async def applied_objects(capsule: DeployCapsule) -> list[dict[str, Any]]:
    await capsule.succeed_build(await capsule.start_build())
    return list(capsule.cluster.objects.values())


def keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | set().union(*map(keys, value.values())) if value else set()
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


async def test_no_manifest_grants_access_outside_its_pod(capsule: DeployCapsule) -> None:
    objects = await applied_objects(capsule)
    assert {each["kind"] for each in objects} == {"Namespace", "RoleBinding", "ResourceQuota", "NetworkPolicy", "Secret", "Job", "Service"}
    for each in objects:
        assert not keys(each) & FORBIDDEN
        pod = each.get("spec", {}).get("template", {}).get("spec", {})
        for container in (*pod.get("initContainers", []), *pod.get("containers", [])):
            context = {**container["securityContext"], "readOnlyRootFilesystem": False}  # a build writes only to its volumes
            assert context == manifests.UNPRIVILEGED
            assert "memory" in container["resources"]["limits"]


async def test_every_field_is_known_to_kubernetes_and_knative(capsule: DeployCapsule) -> None:
    for each in await applied_objects(capsule):
        assert faults(each) == []
        if CRDS.is_dir():
            assert crd_faults(each) == []


async def test_the_service_scales_to_zero_and_has_no_service_account(capsule: DeployCapsule) -> None:
    (service,) = [each for each in await applied_objects(capsule) if each["kind"] == "Service"]
    template = service["spec"]["template"]
    assert template["spec"]["automountServiceAccountToken"] is False
    assert template["spec"]["enableServiceLinks"] is False
    assert service["spec"]["traffic"] == [{"latestRevision": True, "percent": 100}]
    assert template["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"] == "0"
    assert "periodSeconds" not in template["spec"]["containers"][0]["readinessProbe"], "it would slow down every cold start"
    for labels in (service["metadata"]["labels"], template["metadata"]["labels"]):
        assert labels["capsule.dev/collect"] == "true"
        assert {"capsule.dev/application", "capsule.dev/environment", "capsule.dev/component"} <= set(labels)


@pytest.mark.parametrize(("observation_seconds", "retention"), [(10, None), (11, "31s"), (30, "50s"), (120, "140s")])
def test_the_last_instance_lives_through_a_long_observation(observation_seconds: int, retention: str | None) -> None:
    labels = {manifests.APPLICATION: str(uuid4()), manifests.ENVIRONMENT: "staging", manifests.DEPLOYMENT: str(uuid4())}
    terms = Terms(observation_seconds=observation_seconds)
    service = manifests.service(application="hello", labels=labels, release={}, pod=manifests.pod_spec(IMAGE), terms=terms)
    found = service["spec"]["template"]["metadata"]["annotations"].get("autoscaling.knative.dev/scale-to-zero-pod-retention-period")
    assert found == retention


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_longest_name_fits_into_a_host_name(environment: str) -> None:
    assert len(names.service_of("a" * 40, environment)) + len("-00001") <= 63


def test_the_operator_s_template_is_not_modified_and_keeps_its_variables() -> None:
    template = {"spec": {"template": {"spec": {"initContainers": [{"name": "a"}], "containers": [{"name": "b", "env": [
        {"name": "LIMIT_SECONDS", "value": "9"}, {"name": "REPOSITORY", "value": "other"}]}]}}}}  # fmt: skip
    labels = {manifests.APPLICATION: "1", manifests.ENVIRONMENT: "staging", manifests.DEPLOYMENT: str(uuid4())}
    job = manifests.build_job(template, parameters={"REPOSITORY": "ours"}, application="hello", attempt=1, labels=labels)
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["env"] == [{"name": "LIMIT_SECONDS", "value": "9"}, {"name": "REPOSITORY", "value": "ours"}]
    assert pod["initContainers"][0]["env"] == [{"name": "REPOSITORY", "value": "ours"}]
    assert "metadata" not in template


def test_our_template_pushes_the_image_that_the_builder_writes() -> None:
    pod = TEMPLATE["spec"]["template"]
    assert pod["metadata"]["annotations"]["local.capsule.dev/push"] == "/workspace/image"
    assert pod["spec"]["restartPolicy"] == "Never"
    assert TEMPLATE["spec"]["backoffLimit"] == 0, "a failed build would fail again; the saga retries an interrupted one"


def test_the_pod_of_a_release_is_the_same_in_every_environment() -> None:
    pod = manifests.pod_spec(IMAGE)
    labels = {manifests.APPLICATION: "1", manifests.DEPLOYMENT: "2"}
    staging, production = (
        manifests.service(application="hello", labels={**labels, manifests.ENVIRONMENT: each}, release={}, pod=pod, terms=Terms())
        for each in ("staging", "production")
    )
    assert staging["spec"]["template"]["spec"] == production["spec"]["template"]["spec"]
    assert "resources" not in pod["containers"][0], "its size belongs to the environment"
