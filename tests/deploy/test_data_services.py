"""Data services: created, bound and limited, on the in-memory Capsule."""

from pathlib import Path

import pytest

from events.data_services import DataServiceBound, DataServiceCreated
from functions.deploy.commands.add_external_data_service import AddExternalDataService
from functions.deploy.commands.bind_data_service import BindDataService
from functions.deploy.commands.create_data_service import CreateDataService
from functions.deploy.commands.delete_data_service import DeleteDataService
from functions.deploy.commands.rotate_data_service import RotateDataService
from functions.deploy.commands.start_run import StartRun
from functions.deploy.domain.data_service_rejections import (
    DataServiceNameTaken,
    DataServiceNotFound,
    DataServiceNotReady,
    DataServicesUnavailable,
    InvalidDataService,
    TooManyDataServices,
    VariableInUse,
)
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.service_plans import SMALL
from functions.deploy.ports import ServiceServerRefused, ServiceServerUnavailable
from functions.deploy.queries.data_service import ShowDataService
from functions.deploy.queries.data_services import ListDataServices
from functions.deploy.queries.operation import ShowOperation
from functions.deploy.services.data_service_limits import MAX_DATABASES, MAX_SERVICES
from functions.kernel import OperationState
from knative.machine.home import Home
from knative.machine.services_postgres import ServicesPostgres
from tests.deploy.data_services import ANNOTATION, BUSINESS, bind, create, server, show, stored, url_in_cluster
from tests.deploy.deploy_capsule import OTHER_IMAGE, OWNER, STRANGER, DeployCapsule


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
