"""A deployment from its request to its end, driven by the events of the real system."""

from uuid import uuid4

import pytest

from events.deployments import BuildSucceeded, DeploymentFailed, DeploymentRequested, DeploymentSucceeded
from functions.deploy.domain.manifests import Manifest
from functions.deploy.domain.rejections import ApplicationNotFound, DeploymentInProgress, DeploymentNotFound
from functions.deploy.queries.deployment import DeploymentView, ShowDeployment
from functions.deploy.queries.deployments import DeploymentSummaryView, ListDeployments
from functions.kernel import Page
from tests.deploy.deploy_capsule import COMMIT, IMAGE, OTHER_IMAGE, OWNER, STRANGER, DeployCapsule


async def test_a_commit_is_built_released_and_served(capsule: DeployCapsule) -> None:
    building = await capsule.start_build()
    assert building.status == "building"
    await capsule.advance(seconds=20)
    releasing = await capsule.succeed_build(building)
    assert (releasing.status, releasing.commit) == ("releasing", COMMIT)
    await capsule.advance(seconds=2)
    observing = await capsule.become_ready(releasing)
    assert (observing.status, observing.url) == ("observing", "http://hello-staging.localhost:7080")
    await capsule.advance(seconds=9)
    assert capsule.last_event.type == "deployment.release-started"
    assert capsule.application_requests.requests == []
    await capsule.advance(seconds=2)
    succeeded = await capsule.deployments.get(building.id)
    assert capsule.application_requests.requests == [(succeeded.url, "/")]
    assert (succeeded.status, succeeded.url) == ("succeeded", "http://hello-staging.localhost:7080")
    assert capsule.event_types == [
        "application.created",
        "deployment.requested",
        "build.succeeded",
        "deployment.release-started",
        "deployment.succeeded",
    ]
    event = capsule.last_event
    assert isinstance(event, DeploymentSucceeded)
    assert (event.url, event.release_id, event.user_id) == (succeeded.url, succeeded.release_id, OWNER.user_id)

    request = ShowDeployment(application_id=succeeded.application_id, deployment_id=succeeded.id)
    view: DeploymentView = await capsule.call(request, caller=OWNER)
    assert (view.status, view.release, view.commit, view.url, view.correlation_id) == ("succeeded", 1, COMMIT, succeeded.url, "correlation-1")
    assert view.summary == "r1 is serving."
    assert [(step.step, (step.finished_at - step.started_at).seconds if step.finished_at else None) for step in view.steps] == [
        ("requested", 0),
        ("building", 20),
        ("releasing", 2),
        ("observing", 10),
    ]


async def test_the_build_job_gets_its_parameters_and_no_platform_variables(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await capsule.deploy(application.id, ref="v1")
    await capsule.settle()
    building = await capsule.deployments.get(accepted.id)
    job = capsule.cluster.objects[("Job", "app-hello", building.build_job)]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    env = {each["name"]: each["value"] for each in container["env"]}
    assert {name: env[name] for name in ("REPOSITORY", "REF", "APPLICATION", "IMAGE", "BASE_DIRECTORY", "PIP_INDEX_URL")} == {
        "REPOSITORY": application.repository,
        "REF": "v1",
        "APPLICATION": "hello",
        "IMAGE": "capsule.local/apps/hello",
        "BASE_DIRECTORY": "",
        "PIP_INDEX_URL": "https://m/",
    }
    assert not [name for name in env if name.startswith("CAPSULE_")]
    assert job["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    assert job["metadata"]["labels"]["capsule.dev/managed"] == "true"
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert (labels["capsule.dev/component"], labels["capsule.dev/deployment"]) == ("build", str(building.id))
    assert capsule.cluster.objects[("Namespace", "", "app-hello")]["metadata"]["labels"]["capsule.dev/application"] == str(application.id)


async def test_an_environment_runs_one_deployment_at_a_time(capsule: DeployCapsule) -> None:
    building = await capsule.start_build()
    with pytest.raises(DeploymentInProgress) as rejection:
        await capsule.deploy(building.application_id)
    assert rejection.value.detail == "A deployment of hello to staging is in progress. Wait until it ends, or cancel it."
    await capsule.deploy(building.application_id, "production")
    await capsule.complete(building.id)
    await capsule.deploy(building.application_id)


@pytest.mark.parametrize("reason", ["repository-not-found", "repository-private", "ref-not-found", "not-recognized", "build-failed", "too-large"])
async def test_a_failed_build_ends_the_deployment_with_the_builder_s_reason(capsule: DeployCapsule, reason: str) -> None:
    failed = await capsule.fail_build(await capsule.start_build(), reason, "because")
    assert (failed.status, failed.reason, failed.detail, failed.commit) == ("failed", reason, "because", COMMIT)
    assert capsule.event_types[-2:] == ["build.failed", "deployment.failed"]
    assert capsule.service(failed) is None, "nothing was released"


async def test_an_interrupted_build_is_retried_once_under_another_name(capsule: DeployCapsule) -> None:
    building = await capsule.start_build()
    requested = await capsule.finish_build(building, None, code=137)
    assert (requested.status, requested.attempt) == ("requested", 2)
    await capsule.advance(seconds=2)
    rebuilding = await capsule.deployments.get(building.id)
    assert rebuilding.status == "building"
    assert rebuilding.build_job != building.build_job
    assert ("Job", rebuilding.namespace, rebuilding.build_job) in capsule.cluster.objects
    await capsule.update_object("Job", building.namespace, building.build_job)  # the first Job reports its end again
    assert (await capsule.deployments.get(building.id)).status == "building"
    failed = await capsule.finish_build(rebuilding, None, code=137)
    assert (failed.status, failed.reason) == ("failed", "build-failed")
    assert [step.step for step in failed.steps] == ["requested", "building"]


async def test_a_deleted_build_job_ends_the_deployment(capsule: DeployCapsule) -> None:
    building = await capsule.start_build()
    await capsule.cluster.delete_job(building.namespace, building.build_job)
    await capsule.update_object("Job", building.namespace, building.build_job)
    assert (await capsule.deployments.get(building.id)).reason == "build-failed"


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ({"type": "ContainerHealthy", "status": "False", "reason": "ExitCode1", "message": "boom"}, "exits-at-start"),
        ({"type": "ResourcesAvailable", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "x"}, "never-listens"),
    ],
)
async def test_a_release_that_does_not_become_ready_leaves_the_previous_service(
    capsule: DeployCapsule, condition: dict[str, str], reason: str
) -> None:
    good = await capsule.first_release()
    previous_spec = capsule.service(good)["spec"]
    await capsule.advance(minutes=1)
    accepted = await capsule.deploy(good.application_id)
    await capsule.settle()
    bad = await capsule.succeed_build(await capsule.deployments.get(accepted.id), OTHER_IMAGE)
    assert capsule.service(bad)["spec"] != previous_spec
    failed = await capsule.set_service_status(bad, "False", revision={"status": {"conditions": [condition]}}, reason="RevisionFailed")
    assert (failed.status, failed.reason) == ("failed", reason)
    assert capsule.service(bad)["spec"] == previous_spec, "a restart would start the broken release"
    event = capsule.last_event
    assert isinstance(event, DeploymentFailed)
    assert (event.reason, event.deployment_id) == (reason, bad.id)


async def test_a_process_that_dies_at_once_ends_its_deployment_within_seconds(capsule: DeployCapsule) -> None:
    """Knative reports it after its progress deadline only, and sends no event before: the deployment looks at the pods itself."""
    good = await capsule.first_release()
    await capsule.advance(minutes=1)
    accepted = await capsule.deploy(good.application_id)
    await capsule.settle()
    bad = await capsule.succeed_build(await capsule.deployments.get(accepted.id), OTHER_IMAGE)
    service, terminated = capsule.service(bad)["metadata"]["name"], {"exitCode": 1, "message": "KeyError: 'DATABASE_URL'"}
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    container = {"name": "user-container", "restartCount": 1, "state": state, "lastState": {"terminated": terminated}}
    capsule.cluster.service_became(bad.namespace, service, "Unknown", reason="RevisionMissing")
    capsule.cluster.run_instances(bad.namespace, service, {"status": {"phase": "Running", "containerStatuses": [container]}})
    assert (await capsule.deployments.get(bad.id)).status == "releasing", "no event"
    await capsule.advance(seconds=11)
    failed = await capsule.deployments.get(bad.id)
    assert (failed.status, failed.reason) == ("failed", "exits-at-start")
    assert failed.detail == "Process exited with code 1 before listening on $PORT: KeyError: 'DATABASE_URL'"


async def test_a_failed_first_release_leaves_no_service(capsule: DeployCapsule) -> None:
    failed = await capsule.set_service_status(await capsule.succeed_build(await capsule.start_build()), "False", reason="RevisionFailed")
    assert failed.status == "failed"
    assert capsule.service(failed) is None


async def test_a_late_compensation_does_not_undo_the_next_deployment(capsule: DeployCapsule) -> None:
    failed = await capsule.set_service_status(await capsule.succeed_build(await capsule.start_build()), "False", reason="RevisionFailed")
    (event,) = capsule.events(DeploymentFailed)
    accepted = await capsule.deploy(failed.application_id)
    await capsule.settle()
    await capsule.succeed_build(await capsule.deployments.get(accepted.id))
    await capsule.publish(event)
    assert capsule.service(failed)["spec"]["template"]["metadata"]["labels"]["capsule.dev/deployment"] == str(accepted.id)


async def test_handlers_are_idempotent(capsule: DeployCapsule) -> None:
    succeeded = await capsule.first_release()
    object_count, event_types = len(capsule.cluster.objects), capsule.event_types
    for published in list(capsule.published):
        await capsule.publish(published.event)
    await capsule.update_object("Job", succeeded.namespace, succeeded.build_job)
    await capsule.update_object("Service", succeeded.namespace, succeeded.service)
    assert (len(capsule.cluster.objects), capsule.event_types) == (object_count, event_types)
    assert (await capsule.deployments.get(succeeded.id)).version == succeeded.version


async def test_a_build_may_end_before_its_start_is_recorded(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await capsule.deploy(application.id)
    assert isinstance(capsule.last_event, DeploymentRequested)

    apply_owned = capsule.cluster.apply_owned

    async def apply_and_finish_build(owner: Manifest, owned: Manifest) -> None:
        await apply_owned(owner, owned)
        await capsule.succeed_build(await capsule.deployments.get(accepted.id))

    capsule.cluster.apply_owned = apply_and_finish_build  # type: ignore[method-assign]
    await capsule.settle()
    deployment = await capsule.deployments.get(accepted.id)
    assert deployment.status == "releasing"
    assert [step.step for step in deployment.steps] == ["requested", "building", "releasing"]


async def test_releases_are_numbered_per_application(capsule: DeployCapsule) -> None:
    first = await capsule.first_release()
    await capsule.deploy(first.application_id, "production")
    await capsule.settle()
    second = (await capsule.deployments.lock_running(first.application_id))[0]
    await capsule.complete(second.id)
    request = ListDeployments(application_id=first.application_id)
    page: Page[DeploymentSummaryView] = await capsule.call(request, caller=OWNER)
    assert [(each.environment, each.release, each.status) for each in page.items] == [("production", 2, "succeeded"), ("staging", 1, "succeeded")]
    with pytest.raises(ApplicationNotFound):
        await capsule.call(request, caller=STRANGER)


async def test_a_deployment_is_found_only_in_its_own_application(capsule: DeployCapsule) -> None:
    deployment = await capsule.start_build()
    other = await capsule.create("other")
    for application_id, deployment_id in ((other.id, deployment.id), (deployment.application_id, uuid4())):
        with pytest.raises(DeploymentNotFound):
            await capsule.call(ShowDeployment(application_id=application_id, deployment_id=deployment_id), caller=OWNER)


async def test_the_applied_image_is_the_built_image(capsule: DeployCapsule) -> None:
    releasing = await capsule.succeed_build(await capsule.start_build())
    (build_event,) = capsule.events(BuildSucceeded)
    service = capsule.service(releasing)
    assert service["spec"]["template"]["spec"]["containers"][0]["image"] == build_event.image == IMAGE
    assert service["spec"]["template"]["metadata"]["annotations"]["capsule.dev/release"] == "r1"


async def test_a_cluster_event_continues_the_request_s_correlation(capsule: DeployCapsule) -> None:
    building = await capsule.start_build()
    await capsule.update_object("Job", building.namespace, building.build_job, correlation_id="of-the-cluster")
    await capsule.succeed_build(building)
    origins = {each.event.type: each.origin for each in capsule.published}
    for type in ("build.succeeded", "deployment.release-started"):
        assert (origins[type].correlation_id, origins[type].actor) == ("correlation-1", str(OWNER.user_id))
