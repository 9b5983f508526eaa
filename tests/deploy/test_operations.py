"""Operations: what a response 202 refers to, from the request to the outcome."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.deploy import ports
from functions.deploy.commands.delete_application import DeleteApplication
from functions.deploy.commands.start_run import StartRun
from functions.deploy.domain.operation_views import OperationView
from functions.deploy.domain.rejections import OperationNotFound
from functions.deploy.ports import ClusterRefused, ClusterUnavailable
from functions.deploy.queries.operation import ShowOperation
from functions.deploy.queries.operation_events import FollowOperation
from functions.kernel import Caller, EventStream, Membership, Permanent, Role
from tests.deploy.deploy_capsule import OWNER, STRANGER, DeployCapsule


async def show(capsule: DeployCapsule, operation_id: UUID, caller: Caller = OWNER) -> OperationView:
    view: OperationView = await capsule.call(ShowOperation(operation_id=operation_id), caller=caller)
    return view


async def follow(capsule: DeployCapsule, operation_id: UUID, last: str | None = None) -> EventStream[OperationView]:
    stream: EventStream[OperationView] = await capsule.call(FollowOperation(operation_id=operation_id, last_event_id=last), caller=OWNER)
    return stream


async def test_a_deployment_is_an_operation_from_its_request_to_its_end(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await capsule.deploy(application.id)
    view = await show(capsule, accepted.operation_id)
    assert (view.kind, view.state, view.finished_at, view.problem) == ("deploy", "running", None, None)
    assert view.resource == f"/v1/apps/{application.id}/deployments/{accepted.id}"

    await capsule.complete(accepted.id)
    view = await show(capsule, accepted.operation_id)
    assert (view.state, view.status, view.summary) == ("succeeded", "succeeded", "r1 is serving.")
    assert [each.step for each in view.steps] == ["requested", "building", "releasing", "observing"]


async def test_a_failed_deployment_has_a_problem(capsule: DeployCapsule) -> None:
    deployment = await capsule.fail_build(await capsule.start_build(), "build-failed", "npm ERR! missing script: build")
    view = await show(capsule, deployment.id)
    assert view.state == "failed" and view.problem is not None
    assert (view.problem.reason, view.problem.detail) == ("build-failed", "npm ERR! missing script: build")


async def test_each_change_is_one_event_and_the_last_id_continues_the_stream(capsule: DeployCapsule) -> None:
    deployment = await capsule.start_build()
    first = await follow(capsule, deployment.id)
    [event] = first.events
    assert (event.name, event.data.status, first.is_last) == ("operation", "building", False)
    assert (await follow(capsule, deployment.id, event.id)).events == []

    await capsule.advance(minutes=1)  # a reminder raises the version, and shows nothing new
    assert (await capsule.deployments.get(deployment.id)).version > deployment.version
    assert (await follow(capsule, deployment.id, event.id)).events == []

    await capsule.complete(deployment.id)
    rest = await follow(capsule, deployment.id, event.id)
    assert [each.data.state for each in rest.events] == ["succeeded"] and rest.is_last
    after = await follow(capsule, deployment.id, rest.events[0].id)
    assert after.events == [] and after.is_last
    assert (await follow(capsule, deployment.id, "99999-of-a-newer-replica")).events == [], "never back to an older state"
    assert len((await follow(capsule, deployment.id, "nonsense")).events) == 1


async def test_a_deletion_reports_failed_attempts_and_outlives_the_application(capsule: DeployCapsule, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = await capsule.release()
    delete, failures = capsule.cluster.delete_namespace, [ClusterUnavailable("namespace capsule-app-hello is still being deleted")]

    async def delete_later(*arguments: Any) -> None:
        if failures:
            raise failures.pop()
        await delete(*arguments)

    monkeypatch.setattr(capsule.cluster, "delete_namespace", delete_later)
    accepted = await capsule.call(DeleteApplication(application_id=serving.application_id), caller=OWNER)
    assert (await show(capsule, accepted.operation_id)).state == "running"
    await capsule.settle()
    view = await show(capsule, accepted.operation_id)
    assert (view.state, view.steps[0].attempts, view.steps[0].error) == ("running", 2, "namespace capsule-app-hello is still being deleted")

    await capsule.advance(minutes=5)
    view = await show(capsule, accepted.operation_id)
    assert (view.kind, view.state, view.resource, view.summary) == (
        "application-deletion",
        "succeeded",
        None,
        "The deletion of hello succeeded.",
    )
    assert view.steps[0].error is None and (await follow(capsule, accepted.operation_id)).is_last


async def test_a_stop_that_the_cluster_refuses_has_failed(capsule: DeployCapsule, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = await capsule.release()

    async def refuse(*arguments: Any) -> None:
        raise ClusterRefused("admission webhook denied the request")

    monkeypatch.setattr(capsule.cluster, "replace_service", refuse)
    stopped = await capsule.stop(serving.application_id)
    assert stopped.operation_id is not None
    await capsule.settle()
    assert [each.function for each in capsule.dead_letters] == ["deploy.on_environment_stopped"]
    view = await show(capsule, stopped.operation_id)
    assert view.state == "failed" and view.problem is not None
    assert (view.problem.reason, view.problem.detail) == ("stop-failed", "admission webhook denied the request")


async def test_a_fault_is_the_error_of_the_attempt(capsule: DeployCapsule, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = await capsule.release()

    async def fail(*arguments: Any) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(capsule.cluster, "replace_service", fail)
    stopped = await capsule.stop(serving.application_id)
    assert stopped.operation_id is not None
    with pytest.raises(KeyError):  # the runtime tries it again
        await capsule.settle()
    [step] = (await show(capsule, stopped.operation_id)).steps
    assert (step.attempts, step.error) == (2, "internal error: KeyError")


async def test_a_deletion_that_cannot_be_recorded_has_failed(capsule: DeployCapsule, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = await capsule.release()

    async def refuse(*arguments: Any) -> None:
        raise Permanent("the name is taken")

    accepted = await capsule.call(DeleteApplication(application_id=serving.application_id), caller=OWNER)
    monkeypatch.setattr(capsule.port(ports.Applications), "lock_any", refuse)
    await capsule.settle()
    assert [each.function for each in capsule.dead_letters] == ["deploy.on_application_deleted"]
    view = await show(capsule, accepted.operation_id)
    assert view.state == "failed" and view.problem is not None and view.problem.detail == "the name is taken"


async def test_a_stop_and_a_deleted_environment_succeed(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    stopped = await capsule.stop(serving.application_id)
    await capsule.settle()
    deleted = await capsule.delete_environment(serving.application_id, "staging")
    assert stopped.operation_id is not None and (await show(capsule, deleted.operation_id)).state == "running"
    await capsule.settle()
    assert [(await show(capsule, each)).state for each in (stopped.operation_id, deleted.operation_id)] == ["succeeded", "succeeded"]


async def test_a_one_off_command_is_an_operation(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await capsule.call(StartRun(application_id=serving.application_id, environment="staging", command="false"), caller=OWNER)
    await capsule.settle()
    run = await capsule.port(ports.Runs).get(serving.application_id, accepted.operation_id)
    assert (await show(capsule, accepted.operation_id)).state == "running"
    capsule.cluster.job_ended(serving.namespace, run.job, None, code=3)
    await capsule.update_object("Job", serving.namespace, run.job)
    view = await show(capsule, accepted.operation_id)
    assert (view.kind, view.state, view.summary) == ("run", "failed", "The command ended with 3.")


async def test_only_who_may_read_the_application_sees_its_operations(capsule: DeployCapsule) -> None:
    deployment = await capsule.start_build()
    for operation_id in (deployment.id, uuid4()):
        with pytest.raises(OperationNotFound):
            await show(capsule, operation_id, STRANGER)
        with pytest.raises(OperationNotFound):
            await capsule.call(FollowOperation(operation_id=operation_id), caller=STRANGER)
    memberships = capsule.port(ports.Memberships)
    await memberships.save(Membership(uuid4(), OWNER.user_id, STRANGER.user_id, Role.VIEWER))
    membership = await memberships.find(OWNER.user_id, STRANGER.user_id)
    assert (await show(capsule, deployment.id, STRANGER)).state == "running"
    await memberships.remove(membership.id)
    with pytest.raises(OperationNotFound):
        await show(capsule, deployment.id, STRANGER)
