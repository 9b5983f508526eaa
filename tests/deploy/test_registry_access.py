"""Images of the build Job's template, and the registry's login in the namespaces of applications."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from functions.deploy import ports
from functions.deploy.domain.build_template import with_images
from functions.deploy.domain.registry_access import registry_access
from functions.deploy.ports import BuildSettings
from tests.deploy.deploy_capsule import DeployCapsule
from tests.memory.deploy import FixedBuilds

LOGIN = '{"auths": {"registry.example.com": {"auth": "c2VjcmV0"}}}'


def template(*images: str) -> dict[str, Any]:
    init, last = [{"name": f"step-{number}", "image": image} for number, image in enumerate(images[:-1])], {"name": "last", "image": images[-1]}
    return {"spec": {"template": {"spec": {"initContainers": init, "containers": [last]}}}}


def test_a_template_gets_the_images_that_it_refers_to() -> None:
    own = template("$(platform-image)", "paketo/builder:1", "$(builder-image)")
    images = {"platform-image": "registry.example.com/capsule:1\n", "builder-image": "registry.example.com/builder@sha256:0"}
    pod = with_images(own, images.__getitem__)["spec"]["template"]["spec"]
    assert [each["image"] for each in (*pod["initContainers"], *pod["containers"])] == [
        "registry.example.com/capsule:1",
        "paketo/builder:1",
        "registry.example.com/builder@sha256:0",
    ]
    assert own == template("$(platform-image)", "paketo/builder:1", "$(builder-image)"), "the template is unchanged"
    with pytest.raises(KeyError):
        with_images(template("$(other)"), images.__getitem__)


def test_a_registry_without_a_login_adds_nothing() -> None:
    assert registry_access("hello", "") == ()


class PrivateBuilds(FixedBuilds):
    def settings(self) -> BuildSettings:
        return replace(super().settings(), registry=LOGIN)


async def test_the_login_is_copied_into_the_namespace_before_the_build() -> None:
    capsule = DeployCapsule(ports={ports.Builds: PrivateBuilds})
    deployment = await capsule.start_build()
    objects = capsule.cluster.objects
    secret = objects["Secret", deployment.namespace, "capsule-registry"]
    assert (secret["type"], base64.b64decode(secret["data"][".dockerconfigjson"]).decode()) == ("kubernetes.io/dockerconfigjson", LOGIN)
    assert objects["ServiceAccount", deployment.namespace, "default"]["imagePullSecrets"] == [{"name": "capsule-registry"}]
    kinds = [kind for kind, namespace, _ in objects if namespace == deployment.namespace]
    assert kinds.index("ServiceAccount") < kinds.index("Job")
    await capsule.delete(deployment.application_id)
    await capsule.settle()
    assert not [key for key in objects if deployment.namespace in key], "it is deleted with the namespace"
