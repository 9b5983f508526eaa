"""Maintenance of an environment: visitors get a page, and everything else goes on."""

import json
from typing import Any
from uuid import UUID

import pytest

from events.deploy import MaintenanceEnded, MaintenanceStarted
from functions.deploy.commands.end_maintenance import EndMaintenance, MaintenanceEndAccepted
from functions.deploy.commands.start_maintenance import MaintenanceAccepted, StartMaintenance
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound, InvalidMaintenance
from functions.deploy.ports import ClusterUnavailable
from functions.deploy.queries.application import ShowApplication
from functions.deploy.queries.environments import ListEnvironments
from functions.deploy.queries.operation import ShowOperation
from functions.kernel import OperationState
from tests.deploy.deploy_capsule import IMAGE, OTHER_IMAGE, OWNER, STRANGER, DeployCapsule

MAINTENANCE, VISIBILITY, URL = "capsule.dev/maintenance", "networking.knative.dev/visibility", "capsule.dev/url"


async def start(capsule: DeployCapsule, application_id: UUID, message: str | None = None, **fields: Any) -> MaintenanceAccepted:
    request = StartMaintenance.model_validate({"application_id": application_id, "environment": "staging", "message": message, **fields})
    accepted: MaintenanceAccepted = await capsule.call(request, caller=OWNER)
    await capsule.settle()
    return accepted


async def end(capsule: DeployCapsule, application_id: UUID) -> MaintenanceEndAccepted:
    accepted: MaintenanceEndAccepted = await capsule.call(EndMaintenance(application_id=application_id, environment="staging"), caller=OWNER)
    await capsule.settle()
    return accepted


def page(capsule: DeployCapsule, deployment: Any) -> dict[str, Any] | None:
    """What the cluster shows visitors; None: the application."""
    metadata = capsule.service(deployment)["metadata"]
    annotation = metadata.get("annotations", {}).get(MAINTENANCE)
    assert (metadata["labels"].get(VISIBILITY) == "cluster-local") == (annotation is not None)
    return json.loads(annotation) if annotation else None


async def state(capsule: DeployCapsule, operation_id: UUID | None) -> OperationState:
    assert operation_id is not None
    return OperationState((await capsule.call(ShowOperation(operation_id=operation_id), caller=OWNER)).state)


async def test_visitors_get_the_page_until_the_maintenance_ends(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    before = capsule.service(serving)
    accepted = await start(capsule, serving.application_id, "Back at 14:00.", retry_after_seconds=60)
    assert accepted.started_at == capsule.clock.now()
    assert page(capsule, serving) == {"message": "Back at 14:00.", "retryAfterSeconds": 60}
    assert capsule.service(serving)["spec"] == before["spec"], "no revision starts"
    assert await state(capsule, accepted.operation_id) is OperationState.SUCCEEDED
    view = await capsule.call(ShowApplication(application_id=serving.application_id), caller=OWNER)
    assert view.environments[0].summary == "r1 in maintenance" and view.environments[0].maintenance.message == "Back at 14:00."
    listed = {each.name: each.maintenance for each in (await capsule.call(ListEnvironments(application_id=view.id), caller=OWNER)).items}
    assert listed["production"] is None and listed["staging"].retry_after_seconds == 60

    await capsule.advance(minutes=1)
    ended = await end(capsule, serving.application_id)
    assert ended.started_at == accepted.started_at and await state(capsule, ended.operation_id) is OperationState.SUCCEEDED
    assert page(capsule, serving) is None and capsule.service(serving)["spec"] == before["spec"]
    assert [each.message for each in capsule.events(MaintenanceStarted)] == ["Back at 14:00."] and len(capsule.events(MaintenanceEnded)) == 1


async def test_a_repetition_changes_the_page_and_the_same_page_is_no_event(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    first = await start(capsule, serving.application_id)
    await capsule.advance(minutes=1)
    assert await start(capsule, serving.application_id) == first
    changed = await start(capsule, serving.application_id, "  Almost done.  ")
    assert changed.started_at == first.started_at and changed.operation_id != first.operation_id
    assert page(capsule, serving) == {"message": "Almost done.", "retryAfterSeconds": 300}
    assert [each.message for each in capsule.events(MaintenanceStarted)] == [None, "Almost done."]
    for _ in range(2):
        await end(capsule, serving.application_id)
    assert len(capsule.events(MaintenanceEnded)) == 1


async def test_deployments_go_on_and_keep_the_page(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await start(capsule, application.id, "Coming soon.")
    first = await capsule.release(application.id, image=IMAGE)
    assert page(capsule, first) == {"message": "Coming soon.", "retryAfterSeconds": 300}
    second = await capsule.release(application.id, image=OTHER_IMAGE)
    assert second.status == "succeeded" and page(capsule, second) is not None
    back = await capsule.complete((await capsule.roll_back(application.id)).id)
    assert back.status == "succeeded" and page(capsule, back) is not None
    await end(capsule, application.id)
    assert page(capsule, back) is None


async def test_a_stop_and_a_transfer_keep_it(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    await start(capsule, serving.application_id)
    await capsule.stop(serving.application_id)
    started = await capsule.complete((await capsule.start(serving.application_id)).id)
    assert page(capsule, started) is not None
    application = await capsule.applications.lock_any(serving.application_id)
    await capsule.quotas.grant(Quota.default(STRANGER.user_id, capsule.clock.now()))
    application.transfer(STRANGER.user_id, capsule.clock.now())
    await capsule.applications.transfer(application, OWNER.user_id)
    stored = await capsule.environments.find(serving.application_id, "staging")
    assert stored is not None and stored.maintenance is not None


@pytest.mark.parametrize("status", ["building", "preparing", "releasing", "observing"])
async def test_it_starts_while_a_deployment_runs(capsule: DeployCapsule, status: str) -> None:
    """Whoever owns the Service at that moment, the page is there when the deployment has ended."""
    application = await capsule.create(release_command="migrate")
    await capsule.release(application.id)
    accepted = await capsule.deploy(application.id)
    await capsule.settle()
    deployment = await capsule.deployments.get(accepted.id)
    if status != "building":
        deployment = await capsule.succeed_build(deployment, OTHER_IMAGE)
    if status in ("releasing", "observing"):
        capsule.cluster.job_ended(deployment.namespace, deployment.release_job, None)
        await capsule.update_object("Job", deployment.namespace, deployment.release_job)
        deployment = await capsule.deployments.get(accepted.id)
    if status == "observing":
        deployment = await capsule.become_ready(deployment)
    assert deployment.status == status
    await start(capsule, application.id)
    assert page(capsule, deployment) is not None
    ended = await capsule.complete(accepted.id)
    assert ended.status == "succeeded" and page(capsule, ended) is not None
    labels = capsule.service(ended)["spec"]["template"]["metadata"]["labels"]
    assert labels["capsule.dev/deployment"] == str(accepted.id), "the Service stays the deployment's"


async def test_a_release_that_read_the_state_before_applies_it_again(capsule: DeployCapsule, monkeypatch: pytest.MonkeyPatch) -> None:
    """The maintenance starts between the reading and the apply: the Service had another owner when the effect of the start came."""
    application = await capsule.create()
    await capsule.release(application.id)
    apply = capsule.cluster.apply

    async def apply_late(*objects: Any) -> None:
        if any(each["kind"] == "Service" for each in objects):
            stored = await capsule.applications.get_any(application.id)
            environment = await capsule.environments.get(stored, "staging")
            environment.start_maintenance(stored, None, 300, capsule.clock.now())
            await capsule.environments.save(environment)
        await apply(*objects)

    monkeypatch.setattr(capsule.cluster, "apply", apply_late)
    assert page(capsule, await capsule.release(application.id, image=OTHER_IMAGE)) is not None


async def test_the_address_stays_where_the_cluster_hides_it(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    await start(capsule, serving.application_id)
    assert capsule.service(serving)["metadata"]["annotations"][URL] == "http://hello-staging.localhost:7080"
    internal = "http://hello-staging.app-hello.svc.cluster.local"
    capsule.service(serving).setdefault("status", {})["url"] = internal
    second = await capsule.release(serving.application_id, image=OTHER_IMAGE)
    assert second.url == "http://hello-staging.localhost:7080"


async def test_a_failed_attempt_is_the_operations(capsule: DeployCapsule, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = await capsule.release()

    async def unavailable(*_: Any, **__: Any) -> None:
        raise ClusterUnavailable("the cluster does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(capsule.cluster, "replace_service", unavailable)
        request = StartMaintenance(application_id=serving.application_id, environment="staging")
        accepted = await capsule.call(request, caller=OWNER)
        await capsule.settle()
        view = await capsule.call(ShowOperation(operation_id=accepted.operation_id), caller=OWNER)
        assert (view.kind, view.state, view.steps[0].error) == ("maintenance", OperationState.RUNNING, "the cluster does not answer")
    await capsule.advance(minutes=30)
    assert await state(capsule, accepted.operation_id) is OperationState.SUCCEEDED and page(capsule, serving) is not None


@pytest.mark.parametrize(
    ("fields", "detail"), [({"message": "x" * 501}, "1–500"), ({"message": "a\nb"}, "one line"), ({"retry_after_seconds": 0}, "1–604800")]
)
async def test_an_odd_page_is_refused(capsule: DeployCapsule, fields: dict[str, Any], detail: str) -> None:
    application = await capsule.create()
    with pytest.raises(InvalidMaintenance, match=detail):
        await start(capsule, application.id, **fields)


async def test_only_its_team_starts_and_ends_it(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    for request in (
        StartMaintenance(application_id=application.id, environment="staging"),
        EndMaintenance(application_id=application.id, environment="staging"),
    ):
        with pytest.raises(ApplicationNotFound):
            await capsule.call(request, caller=STRANGER)
        with pytest.raises(EnvironmentNotFound):
            await capsule.call(request.model_copy(update={"environment": "qa"}), caller=OWNER)
