"""What happens around the moment at which a release takes the traffic: release phase, observation, rollback, cancellation."""

from events.deployments import DeploymentFailed, DeploymentRolledBack
from functions.deploy.domain.deployment import DeploymentTimedOut
from functions.deploy.domain.environment import ObservationPolicy
from functions.deploy.ports import ClusterRefused
from tests.deploy.deploy_capsule import COMMIT, IMAGE, OTHER_IMAGE, DeployCapsule
from tests.deploy.observation import environment_summaries, observe_second_release, view_of


async def test_a_healthy_release_succeeds_at_the_end_of_its_observation(capsule: DeployCapsule) -> None:
    _, observing = await observe_second_release(capsule)
    await capsule.measure_requests(observing, 200, 100)
    await capsule.measure_requests(observing, 500, 2)
    await capsule.measure_requests(observing, 500, 2)
    await capsule.advance(seconds=9)
    assert (await capsule.deployments.get(observing.id)).status == "observing"
    await capsule.advance(seconds=2)
    succeeded = await capsule.deployments.get(observing.id)
    assert succeeded.status == "succeeded"
    assert [step.step for step in succeeded.steps] == ["requested", "building", "releasing", "observing"]
    assert (succeeded.steps[-1].finished_at or succeeded.requested_at) >= succeeded.steps[-1].started_at


async def test_a_release_that_nothing_reports_is_rolled_back(capsule: DeployCapsule) -> None:
    good = await capsule.release(environment="production")
    capsule.has_collector = False
    failed = await capsule.complete((await capsule.deploy(good.application_id, "production")).id, OTHER_IMAGE)
    assert failed.status == "observing", "a late report is waited for"
    await capsule.advance(seconds=25)
    assert (await capsule.deployments.get(failed.id)).status == "observing"
    await capsule.advance(seconds=10)
    failed = await capsule.deployments.get(failed.id)
    assert (failed.status, failed.reason, failed.rolled_back_to) == ("rolling-back", "not-measured", 1)
    assert "not even that there were none" in (failed.detail or "")


async def test_a_late_report_ends_the_observation_at_once(capsule: DeployCapsule) -> None:
    capsule.has_collector = False
    waiting = await capsule.first_release()
    assert waiting.status == "observing"
    await capsule.report_no_requests(waiting)
    await capsule.advance(seconds=2)
    assert (await capsule.deployments.get(waiting.id)).status == "succeeded"


async def test_a_first_release_that_nothing_reports_fails(capsule: DeployCapsule) -> None:
    capsule.has_collector = False
    waiting = await capsule.first_release()
    await capsule.advance(minutes=1)
    failed = await capsule.deployments.get(waiting.id)
    assert (failed.status, failed.reason) == ("failed", "not-measured")


def test_an_observation_lasts_two_intervals_of_the_collector_at_least() -> None:
    policy = ObservationPolicy(seconds=10, collection_seconds=15)
    assert [policy.observation_seconds(own) for own in (None, 0, 1, 30, 60)] == [30, 0, 30, 30, 60]


async def test_a_release_with_failing_requests_is_rolled_back(capsule: DeployCapsule) -> None:
    good, observing = await observe_second_release(capsule)
    await capsule.measure_requests(observing, 500, 2)
    assert (await capsule.deployments.get(observing.id)).status == "observing", "too few errors"
    failing = await capsule.measure_requests(observing, 503, 4)
    assert (failing.status, failing.reason, failing.detail) == (
        "rolling-back",
        "failing-requests",
        "6 of 6 requests failed with 5xx (100 %).",
    )
    template = capsule.service(observing)["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == IMAGE
    assert template["metadata"]["labels"]["capsule.dev/deployment"] == str(good.id)

    rolled_back = await capsule.become_ready(failing)
    assert (rolled_back.status, rolled_back.rolled_back_to) == ("rolled-back", 1)
    event = capsule.last_event
    assert isinstance(event, DeploymentRolledBack)
    assert (event.reason, event.rolled_back_to, event.release, event.commit, event.application) == ("failing-requests", 1, 2, COMMIT, "hello")
    view = await view_of(capsule, observing)
    assert view.summary == f"r2 rolled back; r1 is serving again. {failing.detail}"
    assert await environment_summaries(capsule, observing) == ["r1 serving · last deployment (r2) rolled back (failing-requests)"]
    assert [step.step for step in view.steps] == ["requested", "building", "releasing", "observing", "rolling-back"]
    assert "deployment.failed" not in capsule.event_types
    await capsule.advance(minutes=1)
    assert (await capsule.roll_back(good.application_id, "production", release=1)).release == 1


async def test_earlier_successful_requests_do_not_hide_errors(capsule: DeployCapsule) -> None:
    _, observing = await observe_second_release(capsule)
    assert (await capsule.measure_requests(observing, 200, 10_000)).status == "observing"
    failing = await capsule.measure_requests(observing, 500, 3)
    assert (failing.status, failing.detail) == ("rolling-back", "3 of 3 requests failed with 5xx (100 %).")


async def test_errors_of_another_revision_do_not_count(capsule: DeployCapsule) -> None:
    _, observing = await observe_second_release(capsule)
    observing.revision = "hello-production-00099"
    assert (await capsule.measure_requests(observing, 500, 50)).status == "observing"


async def test_two_handlers_that_see_the_same_crash_roll_back_once(capsule: DeployCapsule) -> None:
    """What was observed before the rollback began says nothing about the rollback."""
    _, observing = await observe_second_release(capsule)
    place = (observing.namespace, observing.service)
    capsule.cluster.instance_restarted(*place, code=1, message="")
    capsule.cluster.meanwhile = lambda: capsule.update_object("Service", *place)
    await capsule.update_object("Service", *place)
    rolling_back = await capsule.deployments.get(observing.id)
    assert (rolling_back.status, rolling_back.reason) == ("rolling-back", "crashes")
    assert "deployment.failed" not in capsule.event_types


async def test_a_reminder_and_an_event_that_see_the_same_crash_roll_back_once(capsule: DeployCapsule) -> None:
    _, observing = await observe_second_release(capsule)
    place = (observing.namespace, observing.service)
    capsule.cluster.instance_restarted(*place, code=1, message="")
    capsule.cluster.meanwhile = lambda: capsule.update_object("Service", *place)
    await capsule.advance(seconds=6)
    rolling_back = await capsule.deployments.get(observing.id)
    assert (rolling_back.status, rolling_back.reason) == ("rolling-back", "crashes")
    assert "deployment.failed" not in capsule.event_types


async def test_a_success_seen_before_a_rollback_does_not_end_it(capsule: DeployCapsule) -> None:
    _, observing = await observe_second_release(capsule)
    capsule.cluster.meanwhile = lambda: capsule.cancel(observing)
    await capsule.advance(seconds=11)
    assert (await capsule.deployments.get(observing.id)).status == "rolling-back"


async def test_a_crash_between_two_cluster_events_is_detected(capsule: DeployCapsule) -> None:
    _, observing = await observe_second_release(capsule)
    capsule.cluster.instance_restarted(observing.namespace, observing.service, 3, "KeyError: 'DATABASE_URL'")
    await capsule.advance(seconds=6)
    failing = await capsule.deployments.get(observing.id)
    assert (failing.status, failing.reason) == ("rolling-back", "crashes")
    assert failing.detail == "Process exited with code 3 after it was ready: KeyError: 'DATABASE_URL'"


async def test_a_first_release_that_fails_under_observation_leaves_no_service(capsule: DeployCapsule) -> None:
    accepted = await capsule.deploy((await capsule.create()).id, "production")
    await capsule.settle()
    observing = await capsule.become_ready(await capsule.succeed_build(await capsule.deployments.get(accepted.id)))
    failed = await capsule.measure_requests(observing, 500, 9)
    assert (failed.status, failed.rolled_back_to, capsule.service(failed)) == ("failed", None, None)
    assert (await view_of(capsule, failed)).summary.startswith("Deployment failed after taking traffic; nothing serves. 9 of 9 requests")
    assert await environment_summaries(capsule, failed) == ["nothing serving · last deployment (r1) failed (failing-requests)"]


async def test_a_rollback_routes_traffic_to_the_previous_revision_at_once(capsule: DeployCapsule) -> None:
    good, observing = await observe_second_release(capsule)
    assert capsule.service(observing)["spec"]["traffic"] == [{"latestRevision": True, "percent": 100}]
    failing = await capsule.measure_requests(observing, 500, 9)
    assert capsule.service(observing)["spec"]["traffic"] == [{"revisionName": good.revision, "latestRevision": False, "percent": 100}]
    assert good.revision != observing.revision == failing.revision

    waiting = await capsule.set_service_status(failing, "Unknown")
    assert waiting.status == "rolling-back", "the next deployment would start from the bad revision"
    assert (await capsule.become_ready(failing)).status == "rolled-back"
    await capsule.release(good.application_id, "production")
    assert capsule.service(observing)["spec"]["traffic"] == [{"latestRevision": True, "percent": 100}]


async def test_a_failed_new_revision_does_not_matter_while_the_previous_one_serves(capsule: DeployCapsule) -> None:
    _, observing = await observe_second_release(capsule)
    failing = await capsule.measure_requests(observing, 500, 9)
    rolled_back = await capsule.set_service_status(failing, "False", reason="RevisionFailed", message="no node")
    assert (rolled_back.status, rolled_back.rolled_back_to) == ("rolled-back", 1)


async def test_a_rollback_whose_release_does_not_become_ready_fails(capsule: DeployCapsule) -> None:
    _, observing = await observe_second_release(capsule)
    capsule.cluster.revisions.clear()  # the previous revision no longer exists
    failing = await capsule.measure_requests(observing, 500, 9)
    failed = await capsule.set_service_status(failing, "False", reason="RevisionFailed", message="no node")
    assert (failed.status, failed.reason, failed.rolled_back_to) == ("failed", "failing-requests", None)
    assert "r1 does not become ready: no node" in (failed.detail or "")


async def test_a_rollback_that_the_cluster_refuses_fails(capsule: DeployCapsule) -> None:
    _, observing = await observe_second_release(capsule)

    async def refuse(*_: object, **__: object) -> None:
        raise ClusterRefused("exceeded quota")

    capsule.cluster.replace_service = refuse  # type: ignore[method-assign]
    await capsule.measure_requests(observing, 500, 9)
    failed = await capsule.deployments.get(observing.id)
    assert (failed.status, failed.reason, failed.rolled_back_to) == ("failed", "cluster-refused", None)
    assert failed.detail == "9 of 9 requests failed with 5xx (100 %). The cluster refused the rollback: exceeded quota"


async def test_a_rollback_survives_a_lost_message(capsule: DeployCapsule) -> None:
    _, observing = await observe_second_release(capsule)
    await capsule.publish(DeploymentTimedOut(deployment_id=observing.id, deployment_version=observing.version))
    capsule.lose_messages()
    failing = await capsule.measure_requests(observing, 500, 9)
    service = capsule.service(observing)
    service["spec"]["template"]["metadata"]["labels"]["capsule.dev/deployment"] = str(observing.id)  # as if it was not replaced
    capsule.lose_messages()
    await capsule.advance(minutes=3)
    await capsule.housekeeping()
    await capsule.advance(seconds=5)
    assert (await capsule.become_ready(failing)).status == "rolled-back"


async def test_the_summary_of_a_failed_deployment_says_what_serves(capsule: DeployCapsule) -> None:
    good = await capsule.release()
    await capsule.advance(minutes=1)
    accepted = await capsule.deploy(good.application_id)
    await capsule.settle()
    releasing = await capsule.succeed_build(await capsule.deployments.get(accepted.id), OTHER_IMAGE)
    condition = {"type": "ResourcesAvailable", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "GET / answered 500"}
    failed = await capsule.set_service_status(releasing, "False", revision={"status": {"conditions": [condition]}}, reason="RevisionFailed")
    assert (failed.status, failed.reason, failed.rolled_back_to) == ("failed", "unhealthy", 1)
    assert (await view_of(capsule, failed)).summary.startswith(
        "Deployment failed before taking traffic; r1 keeps serving. The process listens, but its health check fails:"
    )
    event = capsule.last_event
    assert isinstance(event, DeploymentFailed)
    assert event.rolled_back_to == 1
