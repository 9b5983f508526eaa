"""Data services: created, bound, rotated, deleted and restored, on the in-memory Capsule."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from events.data_services import DataServiceBound, DataServiceCreated, DataServiceDeleted, DataServiceRestored, DataServiceStorageExceeded
from functions.deploy import ports
from functions.deploy.commands.add_external_data_service import AddExternalDataService
from functions.deploy.commands.bind_data_service import BindDataService
from functions.deploy.commands.create_data_service import CreateDataService, DataServiceAccepted
from functions.deploy.commands.delete_data_service import DeleteDataService
from functions.deploy.commands.rotate_data_service import RotateDataService
from functions.deploy.commands.start_run import StartRun
from functions.deploy.commands.unbind_data_service import UnbindDataService
from functions.deploy.commands.undelete_data_service import UndeleteDataService
from functions.deploy.domain.data_service import GRACE, MAX_DATABASES, MAX_SERVICES, DataService
from functions.deploy.domain.data_service_rejections import (
    DataServiceIsBound,
    DataServiceNameTaken,
    DataServiceNotDeleted,
    DataServiceNotFound,
    DataServiceNotReady,
    DataServicesUnavailable,
    InvalidDataService,
    TooManyDataServices,
    VariableInUse,
)
from functions.deploy.domain.data_service_views import DataServiceView
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.service_plans import SMALL
from functions.deploy.domain.storage_amounts import StorageAmounts
from functions.deploy.ports import ServiceServerRefused, ServiceServerUnavailable
from functions.deploy.queries.data_service import ShowDataService
from functions.deploy.queries.data_services import ListDataServices
from functions.deploy.queries.operation import ShowOperation
from functions.kernel import OperationState
from knative.machine.home import Home
from knative.machine.services_postgres import ServicesPostgres
from tests.deploy.deploy_capsule import OTHER_IMAGE, OWNER, STRANGER, DeployCapsule
from tests.memory.deploy_data_services import MemoryDataServices, MemoryServiceProvisioners, MemoryServiceServer

ANNOTATION = "capsule.dev/data-services"
BUSINESS = Quota(OWNER.user_id, 10, 10_240, datetime(2026, 1, 1, tzinfo=UTC), storage=StorageAmounts(data_services=100, data_services_mib=500_000))


def server(capsule: DeployCapsule) -> MemoryServiceServer:
    found = capsule.port(ports.ServiceProvisioners)
    assert isinstance(found, MemoryServiceProvisioners)
    return found.postgres


async def stored(capsule: DeployCapsule, service_id: UUID) -> DataService:
    services = capsule.port(ports.DataServices)
    assert isinstance(services, MemoryDataServices)
    found = await services.find(service_id)
    assert found is not None
    return found


async def create(capsule: DeployCapsule, application_id: UUID, name: str = "main") -> DataServiceAccepted:
    accepted: DataServiceAccepted = await capsule.call(CreateDataService(application_id=application_id, name=name), caller=OWNER)
    await capsule.settle()
    return accepted


async def bind(capsule: DeployCapsule, application_id: UUID, service_id: UUID, environment: str = "staging", **fields: Any) -> Any:
    request = BindDataService(application_id=application_id, service_id=service_id, environment=environment, **fields)
    return await capsule.call(request, caller=OWNER)


async def show(capsule: DeployCapsule, application_id: UUID, name: str = "main") -> DataServiceView:
    items = (await capsule.call(ListDataServices(application_id=application_id), caller=OWNER)).items
    return next(each for each in items if each.name == name)


def url_in_cluster(capsule: DeployCapsule, deployment: Any) -> str:
    """The value of DATABASE_URL in the applied Service's container."""
    spec = capsule.service(deployment)["spec"]["template"]["spec"]
    reference = next(each for each in spec["containers"][0]["env"] if each["name"] == "DATABASE_URL")["valueFrom"]["secretKeyRef"]
    secret = capsule.cluster.objects["Secret", deployment.namespace, reference["name"]]
    return base64.b64decode(secret["data"][reference["key"]]).decode()


async def test_a_service_is_created_bound_and_reaches_the_application(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await create(capsule, serving.application_id)
    operation = await capsule.call(ShowOperation(operation_id=accepted.operation_id), caller=OWNER)
    assert operation.state is OperationState.SUCCEEDED and operation.kind == "service-creation"
    assert len(capsule.events(DataServiceCreated)) == 1
    answer = await bind(capsule, serving.application_id, accepted.id)
    redeployed = await capsule.complete(answer.operation_id)
    service = await stored(capsule, accepted.id)
    assert url_in_cluster(capsule, redeployed).startswith(f"postgresql://{service.database}_1:")
    assert capsule.service(redeployed)["spec"]["template"]["metadata"]["annotations"][ANNOTATION] == "postgres"
    view = await show(capsule, serving.application_id)
    assert [(each.environment, each.variable) for each in view.bindings] == [("staging", "DATABASE_URL")]
    assert view.max_connections == 20 and len(capsule.events(DataServiceBound)) == 1
    again = await bind(capsule, serving.application_id, accepted.id)
    assert again.deployments == [], "idempotent"


async def test_only_what_is_bound_reaches_the_server(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    await create(capsule, serving.application_id)
    again = await capsule.release(serving.application_id, image=OTHER_IMAGE)
    assert ANNOTATION not in capsule.service(again)["spec"]["template"]["metadata"]["annotations"]
    external = AddExternalDataService(application_id=serving.application_id, name="other", url="postgresql://u:p@db.example.com/shop")
    view = await capsule.call(external, caller=OWNER)
    bound = await capsule.complete((await bind(capsule, serving.application_id, view.id)).operation_id)
    assert url_in_cluster(capsule, bound) == "postgresql://u:p@db.example.com/shop"
    assert ANNOTATION not in capsule.service(bound)["spec"]["template"]["metadata"]["annotations"], "it is elsewhere"


async def test_a_one_off_command_uses_the_service(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await create(capsule, serving.application_id)
    await capsule.complete((await bind(capsule, serving.application_id, accepted.id)).operation_id)
    run = await capsule.call(StartRun(application_id=serving.application_id, environment="staging", command="migrate"), caller=OWNER)
    await capsule.settle()
    template = capsule.cluster.objects["Job", serving.namespace, f"run-{run.id.hex[-12:]}"]["spec"]["template"]
    assert template["metadata"]["annotations"] == {ANNOTATION: "postgres"}
    assert "DATABASE_URL" in [each["name"] for each in template["spec"]["containers"][0]["env"]]


async def test_an_unavailable_server_is_tried_again(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    server(capsule).failures = [ServiceServerUnavailable("it starts")] * 2
    accepted = await create(capsule, application.id)
    await capsule.advance(minutes=5)
    assert (await show(capsule, application.id)).state == "ready"
    assert (await capsule.call(ShowOperation(operation_id=accepted.operation_id), caller=OWNER)).state is OperationState.SUCCEEDED


async def test_a_failed_creation_leaves_nothing_bound_and_is_deleted_at_once(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    server(capsule).failures = [ServiceServerRefused("permission denied to create database")]
    accepted = await capsule.call(CreateDataService(application_id=application.id, name="main"), caller=OWNER)
    await capsule.settle()
    assert len(capsule.dead_letters) == 1
    capsule.dead_letters.clear()
    view = await show(capsule, application.id)
    assert view.state == "failed" and view.error == "permission denied to create database"
    operation = await capsule.call(ShowOperation(operation_id=accepted.operation_id), caller=OWNER)
    assert operation.state is OperationState.FAILED and "permission denied" in operation.problem.detail
    with pytest.raises(DataServiceNotReady):
        await bind(capsule, application.id, accepted.id)
    await capsule.call(DeleteDataService(application_id=application.id, service_id=accepted.id), caller=OWNER)
    await capsule.settle()
    assert (await capsule.call(ListDataServices(application_id=application.id), caller=OWNER)).items == []
    assert server(capsule).databases == {}


async def test_a_service_that_is_deleted_while_it_is_created_leaves_no_database(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await capsule.call(CreateDataService(application_id=application.id, name="main"), caller=OWNER)
    await capsule.call(DeleteDataService(application_id=application.id, service_id=accepted.id), caller=OWNER)
    await capsule.settle()
    assert server(capsule).databases == {} and (await stored(capsule, accepted.id)).state == "purged"
    operation = await capsule.call(ShowOperation(operation_id=accepted.operation_id), caller=OWNER)
    assert operation.state is OperationState.FAILED and "was deleted" in operation.problem.detail, "whoever follows it learns of its end"


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


async def test_a_value_that_is_set_is_not_replaced(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await create(capsule, application.id)
    await capsule.configure(application.id, variables={"DATABASE_URL": "sqlite:///x"})
    with pytest.raises(VariableInUse):
        await bind(capsule, application.id, accepted.id)
    await bind(capsule, application.id, accepted.id, variable="MAIN_URL")
    assert (await show(capsule, application.id)).bindings[0].variable == "MAIN_URL"


@pytest.mark.parametrize("url", ["db.internal", "file:///etc/passwd", "postgresql://u:p@/ x", "postgresql://u:p@h:0/x", "http://[", ""])
async def test_an_invalid_url_is_refused_without_repeating_it(capsule: DeployCapsule, url: str) -> None:
    application = await capsule.create()
    with pytest.raises(InvalidDataService) as refused:
        await capsule.call(AddExternalDataService(application_id=application.id, name="other", url=url), caller=OWNER)
    assert not url or url not in refused.value.detail


async def test_names_plans_and_numbers_have_limits(capsule: DeployCapsule) -> None:
    await capsule.quotas.set(BUSINESS)
    application = await capsule.create()
    for fields in ({"name": "Main"}, {"name": "main", "plan": "huge"}):
        with pytest.raises(InvalidDataService):
            await capsule.call(CreateDataService(application_id=application.id, **fields), caller=OWNER)
    for number in range(MAX_SERVICES):
        await create(capsule, application.id, f"s{number}")
    with pytest.raises(TooManyDataServices):
        await create(capsule, application.id)
    await capsule.call(DeleteDataService(application_id=application.id, service_id=(await show(capsule, application.id, "s0")).id), caller=OWNER)
    with pytest.raises(TooManyDataServices):
        await create(capsule, application.id, "s0")


async def test_an_account_cannot_use_all_connections_of_the_server(capsule: DeployCapsule) -> None:
    await capsule.quotas.set(BUSINESS)
    applications = [(await capsule.create(f"shop{number}")).id for number in range(3)]
    for number in range(MAX_DATABASES):
        await create(capsule, applications[number % 2], f"s{number}")
    with pytest.raises(TooManyDataServices, match="an account may have"):
        await create(capsule, applications[2])
    await capsule.call(CreateDataService(application_id=applications[2], name="cache", kind="redis"), caller=OWNER)
    rotating = 2 * SMALL.max_connections * MAX_DATABASES
    assert rotating * 2 < int(ServicesPostgres(Home(Path("/nowhere")))._settings(Path("/"), None)["max_connections"])


async def test_a_name_is_taken_once(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await create(capsule, application.id)
    with pytest.raises(DataServiceNameTaken):
        await create(capsule, application.id)


async def test_a_stranger_finds_nothing(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await create(capsule, application.id)
    other = await capsule.create("other", caller=STRANGER)
    for request in (
        ListDataServices(application_id=application.id),
        ShowDataService(application_id=application.id, service_id=accepted.id),
        RotateDataService(application_id=application.id, service_id=accepted.id),
    ):
        with pytest.raises(ApplicationNotFound):
            await capsule.call(request, caller=STRANGER)
    with pytest.raises(DataServiceNotFound):
        await capsule.call(BindDataService(application_id=other.id, service_id=accepted.id, environment="staging"), caller=STRANGER)


async def test_without_a_server_services_are_added_by_url_only() -> None:
    capsule = DeployCapsule(settings={"CAPSULE_SERVICES_POSTGRES_ADDRESS": ""})
    application = await capsule.create()
    with pytest.raises(DataServicesUnavailable):
        await create(capsule, application.id)
    await capsule.call(AddExternalDataService(application_id=application.id, name="other", url="redis://cache.example.com"), caller=OWNER)
