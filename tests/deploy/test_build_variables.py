"""What builds and releases find in their environment: variables, secrets, and facts about the release."""

import base64
from typing import Any

import pytest

from functions.deploy.domain.build_secret import BuildSecret
from functions.deploy.domain.configuration import Change
from functions.deploy.domain.manifests import build_job
from functions.deploy.domain.rejections import InvalidConfiguration
from functions.deploy.domain.release_facts import NAMES, ApplicationUrls
from tests.deploy.deploy_capsule import DeployCapsule
from tests.memory.deploy import build_template


def contents(capsule: DeployCapsule, namespace: str, name: str) -> dict[str, str]:
    secret = capsule.cluster.objects["Secret", namespace, name]
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def mounted(job: dict[str, Any], volume: str) -> set[str]:
    """The paths in a volume."""
    (found,) = [each for each in job["spec"]["template"]["spec"]["volumes"] if each["name"] == volume]
    return {item["path"] for source in found["projected"]["sources"] for item in source["secret"]["items"]}


def mounts(container: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["mountPath"] for each in container["volumeMounts"]}


async def test_a_build_gets_the_environment_as_files_and_only_the_clone_gets_credentials(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await capsule.configure(application.id, variables={"SHARED": "1", "PRICE": "$(SHARED) $5"}, secrets={"TOKEN": "s3cret"})
    await capsule.configure(application.id, "staging", variables={"SHARED": "2"})
    await capsule.configure(application.id, "production", variables={"OTHER": "3"})
    accepted = await capsule.deploy(application.id)
    await capsule.settle()
    deployment = await capsule.deployments.get(accepted.id)
    job = capsule.cluster.objects["Job", deployment.namespace, deployment.build_job]

    assert mounted(job, "build-environment") == {
        "variables/SHARED", "variables/PRICE", "variables/CAPSULE_APP", "variables/CAPSULE_ENVIRONMENT", "secrets/TOKEN",
    }  # fmt: skip
    values = contents(capsule, deployment.namespace, deployment.build_job)
    assert (values["SHARED"], values["PRICE"], values["TOKEN"], values["CAPSULE_ENVIRONMENT"]) == ("2", "$(SHARED) $5", "s3cret", "staging")
    assert "s3cret" not in str(job) and mounted(job, "repository-credentials") == set()
    clone, build = job["spec"]["template"]["spec"]["initContainers"][0], job["spec"]["template"]["spec"]["containers"][0]
    assert mounts(clone)["repository-credentials"] == "/run/capsule/repository" and "build-environment" not in mounts(clone)
    assert mounts(build)["build-environment"] == "/run/capsule/build" and "repository-credentials" not in mounts(build)


def test_a_volume_without_files_has_no_source() -> None:
    """A projection without items would have every key of the Secret."""
    labels = {"capsule.dev/deployment": "0190c3a4-0000-7000-8000-0123456789ab"}
    job = build_job(build_template(), parameters={}, application="a", attempt=1, labels=labels, secret=BuildSecret(credentials={"ssh-key": "k"}))
    volumes = {each["name"]: each for each in job["spec"]["template"]["spec"]["volumes"]}
    assert volumes["build-environment"] == {"name": "build-environment", "projected": {"sources": []}}
    (source,) = volumes["repository-credentials"]["projected"]["sources"]
    assert source["secret"] == {"name": job["metadata"]["name"], "items": [{"key": "repository.ssh-key", "path": "ssh-key"}]}


def test_a_parameter_is_not_expanded() -> None:
    labels = {"capsule.dev/deployment": "0190c3a4-0000-7000-8000-0123456789ab"}
    job = build_job(build_template(), parameters={"REF": "a$(IMAGE)"}, application="a", attempt=1, labels=labels)
    (ref,) = [each["value"] for each in job["spec"]["template"]["spec"]["containers"][0]["env"] if each["name"] == "REF"]
    assert ref == "a$$(IMAGE)"


async def test_a_release_knows_itself(capsule: DeployCapsule) -> None:
    deployment = await capsule.succeed_build(await capsule.start_build())
    service = capsule.service(deployment)
    assert service is not None
    env = {each["name"]: each.get("value") for each in service["spec"]["template"]["spec"]["containers"][0]["env"]}
    commit = env["CAPSULE_COMMIT"]
    assert env.items() >= {"CAPSULE_APP": "hello", "CAPSULE_ENVIRONMENT": "staging", "CAPSULE_RELEASE": "r1", "SOURCE_VERSION": commit}.items()
    assert env["CAPSULE_URL"] == "http://hello-staging.localhost:7080" and commit


@pytest.mark.parametrize("name", sorted(NAMES))
def test_facts_cannot_be_set(name: str) -> None:
    with pytest.raises(InvalidConfiguration, match=f"{name} is set by the platform"):
        Change.parse({name: "x"}, {}, [])


def test_a_wrong_form_of_urls_is_named() -> None:
    with pytest.raises(ValueError, match="CAPSULE_APPLICATION_URL"):
        ApplicationUrls("https://{host}")
