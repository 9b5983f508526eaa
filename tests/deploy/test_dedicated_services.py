"""Databases with a server for themselves, on the in-memory Capsule: their plans, limits and quotas."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from events.data_services import DataServiceScaled
from functions.deploy import ports
from functions.deploy.commands.create_data_service import CreateDataService, DataServiceAccepted
from functions.deploy.commands.delete_data_service import DeleteDataService
from functions.deploy.commands.rotate_data_service import RotateDataService
from functions.deploy.commands.scale_data_service import ScaleDataService, ScalingAccepted
from functions.deploy.commands.undelete_data_service import UndeleteDataService
from functions.deploy.domain.data_service import GRACE
from functions.deploy.domain.data_service_rejections import DataServiceNotReady, DataServicesUnavailable, InvalidDataService, TooManyDataServices
from functions.deploy.domain.operation_views import OperationView
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.service_plans import LARGE, MEDIUM, SMALL
from functions.deploy.domain.storage_amounts import StorageAmounts
from functions.deploy.domain.storage_rejections import DataServiceQuotaExceeded
from functions.deploy.ports import ServiceServerRefused, ServiceServerUnavailable
from functions.deploy.queries.operation import ShowOperation
from functions.deploy.services.data_service_limits import MAX_DATABASES
from tests.deploy.data_services import show
from tests.deploy.deploy_capsule import OWNER, DeployCapsule
from tests.memory.deploy_data_services import MemoryServiceMover, MemoryServiceProvisioners


def provisioners(capsule: DeployCapsule) -> MemoryServiceProvisioners:
    found = capsule.port(ports.ServiceProvisioners)
    assert isinstance(found, MemoryServiceProvisioners)
    return found


async def create(capsule: DeployCapsule, application_id: UUID, name: str, **fields: Any) -> DataServiceAccepted:
    accepted: DataServiceAccepted = await capsule.call(CreateDataService(application_id=application_id, name=name, **fields), caller=OWNER)
    await capsule.settle()
    return accepted


async def allow(capsule: DeployCapsule, storage_mib: int) -> None:
    """Give the owner a plan with so much storage of data services."""
    quota = await capsule.quotas.find(OWNER.user_id) or Quota.default(OWNER.user_id, capsule.clock.now())
    storage = StorageAmounts(data_services=25, data_services_mib=storage_mib, backups=100, backups_mib=storage_mib)
    await capsule.quotas.set(replace(quota, storage=storage))


async def test_a_plan_decides_which_server_has_the_database(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await allow(capsule, 100_000)
    for plan in (SMALL, MEDIUM, LARGE):
        await create(capsule, application.id, plan.name, plan=plan.name)
    found = provisioners(capsule)
    assert (len(found.postgres.databases), len(found.dedicated.databases)) == (1, 2)
    view = await show(capsule, application.id, "medium")
    assert (view.state, view.memory_mib, view.cpu_millis, view.storage_mib, view.max_connections) == ("ready", 1024, 1000, 10240, 60)
    small = await show(capsule, application.id, "small")
    assert (small.memory_mib, small.cpu_millis, small.statement_timeout_seconds) == (None, None, 300)


async def test_the_plan_of_the_account_decides_how_large_a_server_may_be(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    with pytest.raises(DataServiceQuotaExceeded, match=r"10,240 MiB are needed"):
        await create(capsule, application.id, "main", plan="medium")
    await allow(capsule, 10_240)
    await create(capsule, application.id, "main", plan="medium")
    with pytest.raises(DataServiceQuotaExceeded):
        await create(capsule, application.id, "other", plan="small")


async def test_they_do_not_count_as_databases_of_the_shared_server(capsule: DeployCapsule) -> None:
    await allow(capsule, 1_000_000)
    first, second = await capsule.create("first"), await capsule.create("second")
    for number in range(MAX_DATABASES):
        await create(capsule, (first if number < 5 else second).id, f"small-{number}")
    third = await capsule.create("third")
    with pytest.raises(TooManyDataServices):
        await create(capsule, third.id, "small")
    await create(capsule, third.id, "medium", plan="medium")


async def test_an_installation_without_dedicated_servers_names_the_other_plans() -> None:
    capsule = DeployCapsule(settings={"CAPSULE_SERVICES_DEDICATED_ADDRESS": ""})
    application = await capsule.create()
    with pytest.raises(DataServicesUnavailable, match=r"no dedicated database servers, which the plan medium needs\. Choose small,"):
        await create(capsule, application.id, "main", plan="medium")
    await create(capsule, application.id, "main")


async def scale(capsule: DeployCapsule, application_id: UUID, service_id: UUID, plan: str) -> ScalingAccepted:
    accepted: ScalingAccepted = await capsule.call(ScaleDataService(application_id=application_id, service_id=service_id, plan=plan), caller=OWNER)
    return accepted


async def operation(capsule: DeployCapsule, operation_id: UUID) -> OperationView:
    view: OperationView = await capsule.call(ShowOperation(operation_id=operation_id), caller=OWNER)
    return view


async def test_a_database_moves_between_plans_with_its_logins(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await allow(capsule, 100_000)
    service = await create(capsule, application.id, "main")
    found = provisioners(capsule)
    (logins,) = found.postgres.databases.values()
    for plan, server in (("medium", found.dedicated), ("large", found.dedicated), ("small", found.postgres)):
        await capsule.advance(seconds=1)
        accepted = await scale(capsule, application.id, service.id, plan)
        await capsule.settle()
        assert (await operation(capsule, accepted.operation_id)).state == "succeeded"
        assert list(server.databases.values()) == [logins] and len(found.postgres.databases) + len(found.dedicated.databases) == 1
        view = await show(capsule, application.id)
        assert (view.plan, view.state) == (plan, "ready")
    assert [(each.former_plan, each.plan) for each in capsule.events(DataServiceScaled)] == [
        ("small", "medium"),
        ("medium", "large"),
        ("large", "small"),
    ]


async def test_what_cannot_move_is_refused(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    service = await create(capsule, application.id, "main")
    with pytest.raises(DataServiceQuotaExceeded, match="9,216 MiB are needed"):
        await scale(capsule, application.id, service.id, "medium")
    await allow(capsule, 100_000)
    for plan, text in (("small", "it has the plan small already: use medium, large"), ("huge", 'plan "huge" does not exist: use medium, large')):
        with pytest.raises(InvalidDataService) as refusal:
            await scale(capsule, application.id, service.id, plan)
        assert [each.detail for each in refusal.value.errors] == [text]
    await scale(capsule, application.id, service.id, "medium")
    for another in (
        ScaleDataService(application_id=application.id, service_id=service.id, plan="large"),
        RotateDataService(application_id=application.id, service_id=service.id),
    ):
        with pytest.raises(DataServiceNotReady, match="is moving to the plan medium"):
            await capsule.call(another, caller=OWNER)
    await capsule.settle()
    await capsule.call(RotateDataService(application_id=application.id, service_id=service.id), caller=OWNER)
    await capsule.settle()
    with pytest.raises(DataServiceNotReady, match="were rotated just now"):
        await scale(capsule, application.id, service.id, "large")


async def test_a_failed_move_keeps_the_plan_and_can_be_repeated(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await allow(capsule, 100_000)
    service = await create(capsule, application.id, "main")
    provisioners(capsule).dedicated.failures = [ServiceServerRefused("it has 9,999 MiB")]
    failed = await scale(capsule, application.id, service.id, "medium")
    await capsule.settle()
    ended = await operation(capsule, failed.operation_id)
    assert ended.state == "failed" and ended.problem is not None and "9,999 MiB" in str(ended.problem.detail)
    kept = await show(capsule, application.id)
    assert (kept.plan, kept.scaling_plan, kept.state) == ("small", None, "ready")
    assert kept.error is not None and kept.error.startswith("The plan was not changed to medium: ") and "9,999 MiB" in kept.error
    await scale(capsule, application.id, service.id, "medium")
    moving = await show(capsule, application.id)
    assert (moving.plan, moving.scaling_plan, moving.error) == ("small", "medium", None)
    await capsule.settle()
    moved = await show(capsule, application.id)
    assert (moved.plan, moved.scaling_plan, moved.error) == ("medium", None, None)


async def test_what_is_deleted_while_it_moves_is_restored_where_its_data_are(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await allow(capsule, 100_000)
    service = await create(capsule, application.id, "main")
    mover = capsule.port(ports.ServiceMover)
    assert isinstance(mover, MemoryServiceMover)
    mover.failures_afterwards = [ServiceServerUnavailable("killed")]
    await scale(capsule, application.id, service.id, "medium")
    await capsule.settle()
    assert provisioners(capsule).dedicated.databases, "it has moved, and this is not recorded yet"
    ids = {"application_id": application.id, "service_id": service.id}
    await capsule.call(DeleteDataService(**ids), caller=OWNER)
    await capsule.advance(minutes=5)
    await capsule.call(UndeleteDataService(**ids), caller=OWNER)
    assert (await show(capsule, application.id)).plan == "medium"
    await capsule.call(DeleteDataService(**ids), caller=OWNER)
    await capsule.advance(seconds=GRACE.total_seconds() + 60)
    assert not provisioners(capsule).postgres.databases and not provisioners(capsule).dedicated.databases
