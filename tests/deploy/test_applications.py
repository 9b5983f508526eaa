"""Applications and quotas: create, list, show, delete, and access by other users."""

from uuid import UUID, uuid4

import pytest

from events.auth import QuotaRequested
from events.deploy import ApplicationCreated, ApplicationDeleted, QuotaGranted
from functions.deploy.domain.rejections import ApplicationNameTaken, ApplicationNotFound, ApplicationQuotaExceeded, RepositoryNotAllowed
from functions.deploy.queries.application import ApplicationView, ShowApplication
from functions.deploy.queries.applications import ApplicationSummaryView, ListApplications
from functions.deploy.queries.quota import QuotaView, ShowQuota
from functions.kernel import Page
from tests.deploy.deploy_capsule import OWNER, REPOSITORY, STRANGER, DeployCapsule


async def list_applications(capsule: DeployCapsule, **parameters: object) -> Page[ApplicationSummaryView]:
    page: Page[ApplicationSummaryView] = await capsule.call(ListApplications.model_validate(parameters), caller=OWNER)
    return page


async def show_quota(capsule: DeployCapsule) -> QuotaView:
    view: QuotaView = await capsule.call(ShowQuota(), caller=OWNER)
    return view


async def test_a_new_user_gets_the_default_quota(capsule: DeployCapsule) -> None:
    await capsule.publish(QuotaRequested(user_id=OWNER.user_id, at=capsule.clock.now()))
    (granted,) = capsule.events(QuotaGranted)
    view = await show_quota(capsule)
    assert (view.applications.limit, view.applications.used, view.memory_mib.limit) == (granted.applications, 0, granted.memory_mib)


async def test_a_repeated_quota_request_keeps_and_publishes_the_existing_quota(capsule: DeployCapsule) -> None:
    await capsule.set_quota(25, 16_384)
    request = QuotaRequested(user_id=OWNER.user_id, at=capsule.clock.now())
    for _ in range(2):
        await capsule.publish(request)
    assert [(each.applications, each.memory_mib) for each in capsule.events(QuotaGranted)] == [(25, 16_384)] * 2
    assert (await show_quota(capsule)).applications.limit == 25


async def test_a_created_application_is_published_listed_and_counted(capsule: DeployCapsule) -> None:
    created = await capsule.create("hello")
    (event,) = [each.event for each in capsule.published]
    assert event == ApplicationCreated(application_id=created.id, user_id=OWNER.user_id, name="hello", at=capsule.clock.now())
    page = await list_applications(capsule)
    assert [(each.id, each.name, each.repository) for each in page.items] == [(created.id, "hello", REPOSITORY)]
    assert (await show_quota(capsule)).applications.used == 1


async def test_names_are_unique_across_users(capsule: DeployCapsule) -> None:
    await capsule.create("hello")
    with pytest.raises(ApplicationNameTaken) as rejection:
        await capsule.create("hello", caller=STRANGER)
    assert rejection.value.detail == 'The name "hello" is taken. Choose another.'


async def test_an_application_over_the_quota_is_not_stored(capsule: DeployCapsule) -> None:
    await capsule.set_quota(1, 512)
    await capsule.create("one")
    with pytest.raises(ApplicationQuotaExceeded) as rejection:
        await capsule.create("two")
    assert "You use 1 of 1 applications of your free plan, and ask for one more." in rejection.value.detail
    assert [each.name for each in (await list_applications(capsule)).items] == ["one"]


async def test_an_internal_repository_is_rejected(capsule: DeployCapsule) -> None:
    with pytest.raises(RepositoryNotAllowed):
        await capsule.create("hello", "http://169.254.169.254/x")
    assert not capsule.published


async def test_pages_list_every_application_once_newest_first(capsule: DeployCapsule) -> None:
    await capsule.set_quota(10, 512)
    created = [(await capsule.create(f"app-{number}")).id for number in range(7)]
    await capsule.create("not-mine", caller=STRANGER)
    listed: list[UUID] = []
    cursor = None
    for _ in range(3):
        page = await list_applications(capsule, limit=3, **({"cursor": cursor} if cursor else {}))
        listed += [each.id for each in page.items]
        cursor = page.next
    assert listed == created[::-1]
    assert cursor is None


async def test_an_application_of_another_user_is_not_found(capsule: DeployCapsule) -> None:
    created = await capsule.create()
    for caller, application_id in ((STRANGER, created.id), (OWNER, uuid4())):
        with pytest.raises(ApplicationNotFound):
            await capsule.call(ShowApplication(application_id=application_id), caller=caller)
    with pytest.raises(ApplicationNotFound):
        await capsule.delete(created.id, caller=STRANGER)
    with pytest.raises(ApplicationNotFound):
        await capsule.deploy(created.id, caller=STRANGER)


async def test_an_environment_shows_what_serves_and_its_last_deployment(capsule: DeployCapsule) -> None:
    first = await capsule.first_release()
    await capsule.advance(minutes=1)
    accepted = await capsule.deploy(first.application_id)
    await capsule.settle()
    await capsule.fail_build(await capsule.deployments.get(accepted.id))
    view: ApplicationView = await capsule.call(ShowApplication(application_id=first.application_id), caller=OWNER)
    (staging,) = view.environments
    assert (staging.name, staging.release, staging.url, staging.commit) == ("staging", 1, first.url, first.commit)
    assert staging.summary == "r1 serving · last deployment failed (build-failed)"
    latest = staging.latest_deployment
    assert (latest.id, latest.status, latest.reason) == (accepted.id, "failed", "build-failed")


async def test_the_name_of_a_deleted_application_is_free_once_its_namespace_is_gone(capsule: DeployCapsule) -> None:
    deployment = await capsule.first_release()
    await capsule.delete(deployment.application_id)
    assert not (await list_applications(capsule)).items
    with pytest.raises(ApplicationNameTaken):
        await capsule.create("hello", caller=STRANGER)
    await capsule.settle()
    assert not capsule.cluster.objects
    await capsule.create("hello", caller=STRANGER)
    assert (await show_quota(capsule)).applications.used == 0


async def test_a_deletion_waits_for_an_unavailable_cluster(capsule: DeployCapsule) -> None:
    deployment = await capsule.start_build()
    await capsule.delete(deployment.application_id)
    capsule.cluster.is_unavailable = True
    await capsule.settle()
    assert ApplicationDeleted in [type(event) for _, event in capsule.reminders()], "it is retried"
    with pytest.raises(ApplicationNameTaken):
        await capsule.create("hello")


async def test_a_late_deletion_does_not_touch_the_next_owner_of_the_name(capsule: DeployCapsule) -> None:
    old = await capsule.start_build()
    await capsule.delete(old.application_id)
    (event,) = capsule.events(ApplicationDeleted)
    await capsule.settle()
    new = await capsule.create("hello", caller=STRANGER)
    await capsule.deploy(new.id, caller=STRANGER)
    await capsule.settle()
    await capsule.publish(event)
    assert ("Namespace", "", "app-hello") in capsule.cluster.objects


async def test_deleting_an_application_ends_its_deployment(capsule: DeployCapsule) -> None:
    deployment = await capsule.start_build()
    await capsule.delete(deployment.application_id)
    await capsule.settle()
    failed = await capsule.deployments.get(deployment.id)
    assert (failed.status, failed.reason) == ("failed", "application-deleted")
