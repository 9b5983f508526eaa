"""Settings of an application: create, change, clear; what a deployment freezes; repository or image."""

from typing import Any

import pytest

from events.deploy import ApplicationRenamed
from functions.deploy.commands.rename_application import RenameApplication
from functions.deploy.domain.application_settings import ApplicationSettings, Builder
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.environment import Size, Terms
from functions.deploy.domain.image_reference import ImageReference
from functions.deploy.domain.rejections import (
    ApplicationIsDeployed,
    ApplicationNameTaken,
    InvalidImage,
    InvalidRef,
    InvalidRepository,
    InvalidSettings,
    RepositoryNotAllowed,
)
from functions.deploy.queries.application import ApplicationView, ShowApplication
from tests.deploy.deploy_capsule import COMMIT, OWNER, REPOSITORY, DeployCapsule
from tests.deploy.deploy_capsule import IMAGE as RELEASED

IMAGE = "ghcr.io/ada/shop:1.4"
ALL: dict[str, Any] = {
    "branch": "main",
    "directory": "services/api",
    "builder": "dockerfile",
    "build_command": "npm run build:prod",
    "start_command": "node server.js --port $PORT",
    "release_command": "node migrate.js",
    "health_path": "/healthy",
    "port": 3000,
}


async def build_parameters(capsule: DeployCapsule, deployment: Deployment) -> dict[str, str]:
    job = capsule.cluster.objects["Job", deployment.namespace, deployment.build_job]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"]}


async def start(capsule: DeployCapsule, application_id: Any, **fields: Any) -> Deployment:
    accepted = await capsule.deploy(application_id, **fields)
    await capsule.settle()
    return await capsule.deployments.get(accepted.id)


@pytest.mark.parametrize(
    ("settings", "detail"),
    [
        ({"health_path": "healthy"}, 'health path "healthy"'),
        ({"port": 0}, "port 0: use a number from 1 to 65535"),
        ({"port": 65536}, "port 65536"),
        ({"port": 9090}, "none of 8008, 8012, 8013, 8022, 9090, 9091"),
        ({"health_path": "/a b"}, 'health path "/a b"'),
        ({"release_command": "a\nb"}, "release command: use one line"),
        ({"release_command": ""}, "release command: use one line"),
        ({"start_command": "  "}, "start command: use one line"),
        ({"build_command": "x" * 1001}, "build command: use one line of 1–1000 characters"),
        ({"branch": "-x"}, '"-x" is not a valid ref'),
        ({"directory": "../x"}, 'directory "../x"'),
        ({"directory": "/x"}, 'directory "/x"'),
        ({"directory": "a//b"}, 'directory "a//b"'),
        ({"directory": "x" * 201}, "at most 200 characters"),
    ],
)
async def test_invalid_settings_are_rejected(capsule: DeployCapsule, settings: dict[str, str], detail: str) -> None:
    application = await capsule.create()
    with pytest.raises(InvalidSettings) as rejection:
        await capsule.change(application.id, **settings)
    assert detail in rejection.value.detail
    with pytest.raises(InvalidSettings):
        await capsule.create("other", REPOSITORY, OWNER, **settings)


async def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(InvalidSettings) as rejection:
        ApplicationSettings.of(branch="a..b", directory="..", start_command="", health_path="x")
    assert [each.pointer for each in rejection.value.errors] == ["/branch", "/directory", "/startCommand", "/healthPath"]


@pytest.mark.parametrize(("text", "directory"), [("./api/", "api"), ("api/", "api"), (".", None), ("a b/ü", "a b/ü")])
def test_a_directory_is_normalized(text: str, directory: str | None) -> None:
    assert ApplicationSettings.of(directory=text).directory == directory


async def test_settings_are_set_at_creation_shown_and_cleared(capsule: DeployCapsule) -> None:
    application = await capsule.create(**ALL)
    view: ApplicationView = await capsule.call(ShowApplication(application_id=application.id), caller=OWNER)
    assert {name: getattr(view, name) for name in ALL} == ALL
    changed = await capsule.change(application.id, health_path=None, builder=None)
    assert (changed.health_path, changed.builder, changed.start_command) == (None, "auto", ALL["start_command"])
    assert changed.repository == REPOSITORY


async def test_a_deployment_freezes_the_settings_for_its_build(capsule: DeployCapsule) -> None:
    application = await capsule.create(**ALL)
    accepted = await capsule.deploy(application.id)
    await capsule.change(application.id, repository="https://git.example.com/ada/other.git", start_command="other")
    await capsule.settle()
    deployment = await capsule.deployments.get(accepted.id)
    parameters = await build_parameters(capsule, deployment)
    expected = {
        "BASE_DIRECTORY": "services/api",
        "BUILDER": "dockerfile",
        "BUILD_COMMAND": "npm run build:prod",
        "IMAGE_REFERENCE": "",
        "REF": "main",
        "RELEASE_COMMAND": "node migrate.js",
        "REPOSITORY": REPOSITORY,
        "START_COMMAND": "node server.js --port $$PORT",  # Kubernetes reads $$ as $
    }
    assert {name: parameters[name] for name in expected} == expected


@pytest.mark.parametrize(("setting", "reported", "port"), [(3000, "80", 3000), (None, "80", 80), (3000, "", 3000), (None, "", 8080)])
async def test_the_port_of_a_release(capsule: DeployCapsule, setting: int | None, reported: str, port: int) -> None:
    application = await capsule.create(port=setting)
    deployment = await start(capsule, application.id)
    released = await capsule.finish_build(deployment, {"image": RELEASED, "commit": COMMIT, "kind": "dockerfile", "port": reported})
    assert capsule.service(released)["spec"]["template"]["spec"]["containers"][0]["ports"] == [{"containerPort": port}]


async def test_a_ref_takes_precedence_over_the_branch(capsule: DeployCapsule) -> None:
    application = await capsule.create(branch="release")
    assert (await capsule.deploy(application.id)).ref == "release"
    assert (await capsule.deploy(application.id, "production", ref="v2")).ref == "v2"


async def test_an_application_of_an_image_is_deployed_without_a_repository(capsule: DeployCapsule) -> None:
    application = await capsule.create(repository=None, image=IMAGE, start_command="serve")
    assert (application.repository, application.image) == (None, IMAGE)
    parameters = await build_parameters(capsule, await start(capsule, application.id))
    assert (parameters["IMAGE_REFERENCE"], parameters["REPOSITORY"], parameters["START_COMMAND"]) == (IMAGE, "", "serve")
    with pytest.raises(InvalidRef, match=r"hello deploys the image ghcr\.io/ada/shop:1\.4, which has no refs"):
        await capsule.deploy(application.id, "production", ref="main")


async def test_an_image_replaces_the_repository_and_clears_what_only_a_build_reads(capsule: DeployCapsule) -> None:
    application = await capsule.create(**ALL)
    changed = await capsule.change(application.id, image=IMAGE)
    assert (changed.repository, changed.image, changed.branch, changed.directory, changed.builder) == (None, IMAGE, None, None, "auto")
    assert (changed.start_command, changed.health_path) == (ALL["start_command"], "/healthy")
    back = await capsule.change(application.id, repository=REPOSITORY)
    assert (back.repository, back.image) == (REPOSITORY, None)


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"image": IMAGE}, "remove one of them"),
        ({"repository": None}, "set one of them"),
        ({"repository": None, "image": IMAGE, "branch": "main", "builder": "native"}, "has no branch: it is not built"),
    ],
)
async def test_an_application_has_one_source(capsule: DeployCapsule, fields: dict[str, Any], detail: str) -> None:
    with pytest.raises(InvalidSettings, match=detail):
        await capsule.create(**{"repository": REPOSITORY, **fields})


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"repository": None}, InvalidSettings),
        ({"repository": REPOSITORY, "image": IMAGE}, InvalidSettings),
        ({"image": IMAGE, "directory": "api"}, InvalidSettings),
        ({"image": "UPPER"}, InvalidImage),
        ({"image": "localhost:5000/x"}, RepositoryNotAllowed),
        ({"repository": "nonsense"}, InvalidRepository),
    ],
)
async def test_a_rejected_change_changes_nothing(capsule: DeployCapsule, fields: dict[str, Any], error: type[Exception]) -> None:
    application = await capsule.create()
    with pytest.raises(error):
        await capsule.change(application.id, **fields)
    view: ApplicationView = await capsule.call(ShowApplication(application_id=application.id), caller=OWNER)
    assert (view.repository, view.image) == (REPOSITORY, None)


async def test_an_application_is_renamed_before_its_first_deployment(capsule: DeployCapsule) -> None:
    application = await capsule.create("hello")
    await capsule.create("taken")
    with pytest.raises(ApplicationNameTaken):
        await capsule.call(RenameApplication(application_id=application.id, name="taken"), caller=OWNER)
    for _ in range(2):
        renamed = await capsule.call(RenameApplication(application_id=application.id, name="shop"), caller=OWNER)
        assert renamed.name == "shop"
    assert [each.name for each in capsule.events(ApplicationRenamed)] == ["shop"]
    await capsule.create("hello")

    deployment = await start(capsule, application.id)
    assert deployment.namespace == "app-shop"
    with pytest.raises(ApplicationIsDeployed, match="its name is part of its addresses: create market with the same settings, then delete shop"):
        await capsule.call(RenameApplication(application_id=application.id, name="market"), caller=OWNER)
    assert (await capsule.call(RenameApplication(application_id=application.id, name="shop"), caller=OWNER)).name == "shop"


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("nginx", "docker.io", 443),
        ("nginx:1.27-alpine", "docker.io", 443),
        ("bitnami/redis", "docker.io", 443),
        ("ghcr.io/ada/shop@sha256:" + "a" * 64, "ghcr.io", 443),
        ("Registry.example.com:5000/team/a__b/c-d.e:v1@sha256:" + "0" * 64, "registry.example.com", 5000),
        ("localhost/x", "localhost", 443),
    ],
)
def test_image_references(text: str, host: str, port: int) -> None:
    assert ImageReference.parse(text) == ImageReference(text, host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "https://ghcr.io/x",
        "Upper/case",
        "x",
        "bitnami/x:1",
        "xy:",
        "xy:-tag",
        "xy@sha256:12",
        "xy@md5:" + "a" * 32,
        "ghcr.io/",
        "h:99999/x",
        "x" * 401,
        "a//b",
        "-x",
    ],
)
def test_invalid_image_references(text: str) -> None:
    with pytest.raises(InvalidImage):
        ImageReference.parse(text)


def test_terms_of_earlier_versions_are_read() -> None:
    stored = {"size": {"memory_mib": 128}, "health_path": "/up", "release_command": "migrate", "directory": "api"}
    terms = Terms.from_json(stored)
    assert terms == Terms(Size(memory_mib=128), settings=ApplicationSettings(health_path="/up", release_command="migrate", directory="api"))
    assert Terms.from_json(terms.as_json()) == terms and terms.as_json()["builder"] == Builder.AUTO


@pytest.mark.parametrize(("directory", "limit"), [(None, 995), ("services/api", 995 - len("cd services/api && "))])
async def test_a_release_command_that_its_build_would_refuse_is_refused_at_once(capsule: DeployCapsule, directory: str | None, limit: int) -> None:
    """`exec` and the change of the directory precede it in the image."""
    application = await capsule.create(directory=directory, release_command="x" * limit)
    with pytest.raises(InvalidSettings, match=f"1–{limit} characters"):
        await capsule.change(application.id, release_command="x" * (limit + 1))
    with pytest.raises(InvalidSettings):
        await capsule.create("other", directory=directory, release_command="x" * (limit + 1))
