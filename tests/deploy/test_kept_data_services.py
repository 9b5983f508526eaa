"""Data services that exist: rotated, over their storage, deleted, restored and purged, on the in-memory Capsule."""

from datetime import timedelta

import pytest

from events.data_services import DataServiceDeleted, DataServiceRestored, DataServiceStorageExceeded
from functions.deploy.commands.delete_data_service import DeleteDataService
from functions.deploy.commands.rotate_data_service import RotateDataService
from functions.deploy.commands.unbind_data_service import UnbindDataService
from functions.deploy.commands.undelete_data_service import UndeleteDataService
from functions.deploy.domain.data_service import GRACE
from functions.deploy.domain.data_service_rejections import (
    DataServiceIsBound,
    DataServiceNotDeleted,
    DataServiceNotFound,
    DataServiceNotReady,
)
from functions.deploy.ports import ServiceServerRefused
from functions.deploy.queries.operation import ShowOperation
from functions.kernel import OperationState
from tests.deploy.data_services import bind, create, server, show, stored, url_in_cluster
from tests.deploy.deploy_capsule import OTHER_IMAGE, OWNER, DeployCapsule


async def test_a_rotation_that_failed_is_repeated(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await create(capsule, application.id)
    server(capsule).failures = [ServiceServerRefused("permission denied to create role")]
    rotation = await capsule.call(RotateDataService(application_id=application.id, service_id=accepted.id), caller=OWNER)
    await capsule.settle()
    capsule.dead_letters.clear()
    operation = await capsule.call(ShowOperation(operation_id=rotation.operation_id), caller=OWNER)
    assert operation.state is OperationState.FAILED and "permission denied" in operation.problem.detail
    await capsule.call(RotateDataService(application_id=application.id, service_id=accepted.id), caller=OWNER)
    await capsule.settle()
    assert (await stored(capsule, accepted.id)).generation == 2


async def test_a_rotation_restarts_what_is_bound_and_ends_the_former_login_later(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await create(capsule, serving.application_id)
    bound = await capsule.complete((await bind(capsule, serving.application_id, accepted.id)).operation_id)
    first_url = url_in_cluster(capsule, bound)
    rotation = await capsule.call(RotateDataService(application_id=serving.application_id, service_id=accepted.id), caller=OWNER)
    await capsule.settle()
    assert rotation.environments == ["staging"]
    service = await stored(capsule, accepted.id)
    logins = server(capsule).databases[service.database]
    assert logins == {f"{service.database}_1", f"{service.database}_2"}, "both are valid while instances are replaced"
    (restart,) = [each for each in await capsule.deployments.lock_running(serving.application_id)]
    await capsule.advance(hours=1, minutes=1)
    assert len(server(capsule).databases[service.database]) == 2, "an instance with the former ones still serves"
    with pytest.raises(DataServiceNotReady):
        await capsule.call(RotateDataService(application_id=serving.application_id, service_id=accepted.id), caller=OWNER)
    restarted = await capsule.complete(restart.id)
    assert url_in_cluster(capsule, restarted) != first_url and f"{service.database}_2" in url_in_cluster(capsule, restarted)


async def test_the_former_login_ends_an_hour_after_the_restart(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await create(capsule, serving.application_id)
    await capsule.complete((await bind(capsule, serving.application_id, accepted.id)).operation_id)
    await capsule.call(RotateDataService(application_id=serving.application_id, service_id=accepted.id), caller=OWNER)
    await capsule.settle()
    (restart,) = await capsule.deployments.lock_running(serving.application_id)
    await capsule.complete(restart.id)
    service = await stored(capsule, accepted.id)
    await capsule.advance(hours=1, minutes=1)
    assert server(capsule).databases[service.database] == {f"{service.database}_2"}
    assert (await stored(capsule, accepted.id)).former_generation is None


async def test_a_rollback_has_the_credentials_of_now(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await create(capsule, serving.application_id)
    await capsule.complete((await bind(capsule, serving.application_id, accepted.id)).operation_id)
    await capsule.release(serving.application_id, image=OTHER_IMAGE)
    await capsule.call(RotateDataService(application_id=serving.application_id, service_id=accepted.id), caller=OWNER)
    await capsule.settle()
    (restart,) = await capsule.deployments.lock_running(serving.application_id)
    await capsule.complete(restart.id)
    back = await capsule.complete((await capsule.roll_back(serving.application_id)).id)
    assert f"{(await stored(capsule, accepted.id)).database}_2:" in url_in_cluster(capsule, back)


async def test_a_deleted_service_keeps_its_data_for_its_grace_period(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await create(capsule, application.id)
    database = (await stored(capsule, accepted.id)).database
    request = DeleteDataService(application_id=application.id, service_id=accepted.id)
    deleted = await capsule.call(request, caller=OWNER)
    assert deleted.purge_at == capsule.clock.now() + GRACE
    assert (await capsule.call(request, caller=OWNER)).purge_at == deleted.purge_at, "idempotent"
    await capsule.advance(days=6)
    assert database in server(capsule).databases
    restored = await capsule.call(UndeleteDataService(application_id=application.id, service_id=accepted.id), caller=OWNER)
    assert restored.state == "ready" and len(capsule.events(DataServiceRestored)) == 1
    await capsule.advance(days=2)
    assert database in server(capsule).databases, "the reminder of the first deletion deletes nothing"
    await capsule.call(request, caller=OWNER)
    await capsule.advance(days=8)
    assert server(capsule).databases == {}
    with pytest.raises(DataServiceNotFound):
        await capsule.call(UndeleteDataService(application_id=application.id, service_id=accepted.id), caller=OWNER)


async def test_an_interrupted_purge_goes_on_and_cannot_be_undone(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await create(capsule, application.id)
    await capsule.call(DeleteDataService(application_id=application.id, service_id=accepted.id), caller=OWNER)
    capsule.lose_messages()
    capsule.clock.at += GRACE + timedelta(hours=1)
    server(capsule).failures = [ServiceServerRefused("the process was killed")]
    await capsule.housekeeping()
    await capsule.settle()
    assert len(capsule.dead_letters) == 1
    capsule.dead_letters.clear()
    assert (await stored(capsule, accepted.id)).state == "purging"
    with pytest.raises(DataServiceNotDeleted):
        await capsule.call(UndeleteDataService(application_id=application.id, service_id=accepted.id), caller=OWNER)
    await capsule.housekeeping()
    await capsule.settle()
    assert (await stored(capsule, accepted.id)).state == "purged" and server(capsule).databases == {}


async def test_the_services_of_a_deleted_application_keep_their_data_for_the_grace_period(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await create(capsule, application.id)
    await capsule.delete(application.id)
    await capsule.settle()
    assert len(capsule.events(DataServiceDeleted)) == 1 and len(server(capsule).databases) == 1
    await capsule.advance(days=8)
    assert server(capsule).databases == {}


async def test_a_database_over_its_storage_is_read_only_until_it_is_smaller(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await create(capsule, application.id)
    database = (await stored(capsule, accepted.id)).database
    for size_mib, is_exceeded in ((1000, False), (1025, True), (1000, True), (900, False)):
        server(capsule).size_bytes = size_mib * 2**20
        for _ in range(2):
            await capsule.housekeeping()
            await capsule.settle()
        assert (database in server(capsule).read_only) == is_exceeded == ((await show(capsule, application.id)).storage_exceeded_at is not None)
    assert [each.size_mib for each in capsule.events(DataServiceStorageExceeded)] == [1025]


async def test_a_bound_service_is_not_deleted_and_is_unbound_by_name(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await create(capsule, serving.application_id)
    await capsule.complete((await bind(capsule, serving.application_id, accepted.id)).operation_id)
    with pytest.raises(DataServiceIsBound, match="capsule services unbind main staging"):
        await capsule.call(DeleteDataService(application_id=serving.application_id, service_id=accepted.id), caller=OWNER)
    request = UnbindDataService(application_id=serving.application_id, service_id=accepted.id, environment="staging")
    unbound = await capsule.complete((await capsule.call(request, caller=OWNER)).operation_id)
    assert all(each["name"] != "DATABASE_URL" for each in capsule.service(unbound)["spec"]["template"]["spec"]["containers"][0]["env"])
    assert (await show(capsule, serving.application_id)).bindings == []
    await capsule.call(DeleteDataService(application_id=serving.application_id, service_id=accepted.id), caller=OWNER)
