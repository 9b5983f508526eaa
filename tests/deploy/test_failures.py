"""The table of failures, on the in-memory Capsule: state, reason, message, next step and what serves are exact."""

import pytest

from cli.render.deployments import failure_detail, failure_title
from cli.render.failure_hints import failure_hint
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.observation import BUILD_REASONS
from functions.deploy.queries.application import ApplicationView, ShowApplication
from functions.deploy.queries.deployment import DeploymentView, ShowDeployment
from knative.builder import failure as builder
from tests.deploy.deploy_capsule import COMMIT, OTHER_IMAGE, OWNER, DeployCapsule
from tests.deploy.failures import FAILURES, Failure, success_report

MIN_FAILURES = 40


def test_the_table_has_at_least_forty_rows() -> None:
    assert len({each.name for each in FAILURES}) == len(FAILURES) >= MIN_FAILURES


def test_every_reason_of_the_builder_is_known() -> None:
    reported = {value for name, value in vars(builder).items() if name.isupper()}
    assert reported <= BUILD_REASONS


@pytest.mark.parametrize("failure", FAILURES, ids=[each.name for each in FAILURES])
async def test_a_deployment_fails_with_its_reason(capsule: DeployCapsule, failure: Failure) -> None:
    deployment = await advance_to(capsule, failure)
    assert deployment.status == failure.during
    await failure.happens(capsule, deployment)
    deployment = await capsule.deployments.get(deployment.id)
    if deployment.status == "rolling-back":
        deployment = await capsule.become_ready(deployment)

    request = ShowDeployment(application_id=deployment.application_id, deployment_id=deployment.id)
    view: DeploymentView = await capsule.call(request, caller=OWNER)
    assert (view.status, view.reason, view.detail) == (failure.status, failure.reason, failure.detail)
    document = view.model_dump(mode="json", by_alias=True)
    is_cancelled = failure.status == "cancelled"  # the title says it all
    assert failure_hint("hello", document).replace(str(view.id), "ID") == failure.next_step
    if failure.serves:
        assert failure_detail(document).splitlines() == [*(() if is_cancelled else failure.detail.splitlines()), failure.serves]
        await check_status(capsule, deployment, failure)
    assert failure_title(document).endswith("Deployment cancelled" if is_cancelled else f": {failure.reason}")


async def advance_to(capsule: DeployCapsule, failure: Failure) -> Deployment:
    """Deploy until the step in which the failure happens."""
    if failure.is_first:
        application_id = (await capsule.create()).id
    else:
        application_id = (await capsule.release()).application_id
        await capsule.advance(minutes=1)
    accepted = await capsule.deploy(application_id)
    await capsule.settle()
    deployment = await capsule.deployments.get(accepted.id)
    if failure.during == "building":
        return deployment
    command = "python migrate.py" if failure.during == "preparing" else ""
    deployment = await capsule.finish_build(deployment, success_report(OTHER_IMAGE, COMMIT, release=command))
    return await capsule.become_ready(deployment) if failure.during == "observing" else deployment


async def check_status(capsule: DeployCapsule, deployment: Deployment, failure: Failure) -> None:
    """`capsule status` agrees with the failure about what serves, and the cluster with both."""
    view: ApplicationView = await capsule.call(ShowApplication(application_id=deployment.application_id), caller=OWNER)
    (environment,) = view.environments
    serves = failure.serves in ("r1 keeps serving.", "r1 serves again.")
    assert (environment.release, environment.serving_since is not None, environment.url is not None) == ((1 if serves else None), serves, serves)
    if failure.is_first:
        assert capsule.service(deployment) is None
