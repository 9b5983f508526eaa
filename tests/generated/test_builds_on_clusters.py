"""How builds run on a cluster: the components' templates of the build Job, as the overlays render them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.deploy.domain.build_template import REFERENCE
from functions.deploy.domain.inspection_job import CLONE
from functions.deploy.domain.registry_access import SECRET
from tests.generated.rendering import KNATIVE, render

OVERLAYS = ("staging", "production")
PLATFORM_IMAGES = {"staging": "registry.example.com/capsule/capsule:staging", "production": "registry.example.com/capsule/capsule:0.2.0"}
RUN_CODE_OF_TENANTS = {"detect", "buildpacks"}

Object = dict[str, Any]


@pytest.fixture(scope="module")
def rendered(kubectl: Path) -> dict[str, list[Object]]:
    return {overlay: render(kubectl, KNATIVE / "overlays" / overlay) for overlay in OVERLAYS}


@pytest.fixture(params=OVERLAYS)
def build(request: pytest.FixtureRequest, rendered: dict[str, list[Object]]) -> tuple[str, Object]:
    """Name of the overlay, and the data of its ConfigMap capsule-build."""
    (data,) = (m["data"] for m in rendered[request.param] if (m["kind"], m["metadata"]["name"]) == ("ConfigMap", "capsule-build"))
    return request.param, data


def containers(data: Object) -> list[Object]:
    pod = yaml.safe_load(data["job.yaml"])["spec"]["template"]["spec"]
    return [*pod["initContainers"], *pod["containers"]]


def test_no_object_of_an_overlay_has_the_image_of_one_machine(rendered: dict[str, list[Object]]) -> None:
    for overlay, manifests in rendered.items():
        assert "capsule.local/" not in yaml.safe_dump_all(manifests).replace("capsule.local/apps", ""), overlay


def test_every_image_of_a_build_is_set_by_the_overlay(build: tuple[str, Object]) -> None:
    overlay, data = build
    assert data["platform-image"] == PLATFORM_IMAGES[overlay]
    names = {name for each in containers(data) for name in REFERENCE.findall(each["image"])}
    assert all(REFERENCE.fullmatch(each["image"]) for each in containers(data)) and names == {"platform-image", "builder-image"}
    assert names <= data.keys()


def test_the_template_keeps_the_contract_of_build_jobs(build: tuple[str, Object]) -> None:
    steps = containers(build[1])
    assert steps[0]["name"] == CLONE and steps[-1]["command"][-1] == "knative.builder.report"
    assert {each["terminationMessagePolicy"] for each in steps} == {"FallbackToLogsOnError"}
    assert all(each["securityContext"]["allowPrivilegeEscalation"] is False for each in steps)
    assert all(each["securityContext"]["capabilities"] == {"drop": ["ALL"]} for each in steps)
    assert all("memory" in each["resources"]["limits"] for each in steps)


def test_code_of_tenants_has_no_login(build: tuple[str, Object]) -> None:
    mounted = {each["name"]: {mount["name"] for mount in each["volumeMounts"]} for each in containers(build[1])}
    assert {name for name, volumes in mounted.items() if "repository-credentials" in volumes} == {CLONE}
    assert {name for name, volumes in mounted.items() if "registry" in volumes} == {"analyze", "restore", "export"}
    assert mounted.keys() >= RUN_CODE_OF_TENANTS
    for each in containers(build[1]):
        assert (each["name"] in RUN_CODE_OF_TENANTS) <= ("DOCKER_CONFIG" not in {variable["name"] for variable in each.get("env", ())})


def test_functions_that_build_have_the_template_and_the_optional_login(rendered: dict[str, list[Object]]) -> None:
    volumes = [
        volume
        for manifest in rendered["production"]
        if manifest["kind"] == "Service" and manifest["apiVersion"].startswith("serving")
        for volume in manifest["spec"]["template"]["spec"]["volumes"]
        if volume["name"] == "build"
    ]
    assert volumes
    for volume in volumes:
        template, login = volume["projected"]["sources"]
        assert template["configMap"]["name"] == "capsule-build"
        assert (login["secret"]["name"], login["secret"]["optional"]) == (SECRET, True)


def test_the_one_machine_template_is_in_no_overlay_of_a_cluster() -> None:
    from knative.machine.home import PROJECT

    template = yaml.safe_load((Path(PROJECT) / "knative/overlays/local/build-job.yaml").read_text())
    assert "local.capsule.dev/push" in template["data"]["job.yaml"]
