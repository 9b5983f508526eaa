"""Redis services of applications on the in-memory Capsule: kinds, plans, bindings, rotation, deletion, metrics and logs."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from functions.deploy import ports
from functions.deploy.commands.create_data_service import CreateDataService, DataServiceAccepted
from functions.deploy.commands.delete_data_service import DeleteDataService
from functions.deploy.commands.rotate_data_service import RotateDataService
from functions.deploy.domain.data_service import GRACE
from functions.deploy.domain.data_service_rejections import DataServiceNotReady, DataServicesUnavailable, InvalidDataService
from functions.deploy.domain.service_plans import ServiceKind
from functions.deploy.queries.data_service_logs import ShowDataServiceLogs
from functions.deploy.queries.data_service_metrics import ShowDataServiceMetrics
from tests.deploy.data_services import ANNOTATION, bind, show
from tests.deploy.deploy_capsule import OWNER, DeployCapsule
from tests.memory.deploy_data_services import MemoryServiceProvisioners, MemoryServiceServer


def redis(capsule: DeployCapsule) -> MemoryServiceServer:
    found = capsule.port(ports.ServiceProvisioners)
    assert isinstance(found, MemoryServiceProvisioners)
    return found.redis


async def create(capsule: DeployCapsule, application_id: UUID, name: str = "cache", **fields: Any) -> DataServiceAccepted:
    request = CreateDataService(application_id=application_id, name=name, **{"kind": ServiceKind.REDIS, **fields})
    accepted: DataServiceAccepted = await capsule.call(request, caller=OWNER)
    await capsule.settle()
    return accepted


async def test_it_is_bound_under_its_own_name_beside_a_database(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    cache = await create(capsule, serving.application_id)
    main = await create(capsule, serving.application_id, "main", kind=ServiceKind.POSTGRES)
    for each in (cache, main):
        redeployed = await capsule.complete((await bind(capsule, serving.application_id, each.id)).operation_id)
    template = capsule.service(redeployed)["spec"]["template"]
    assert {"DATABASE_URL", "REDIS_URL"} <= {each["name"] for each in template["spec"]["containers"][0]["env"]}
    assert template["metadata"]["annotations"][ANNOTATION] == "postgres,redis"
    view = await show(capsule, serving.application_id, "cache")
    assert (view.kind, view.plan, view.memory_mib, view.statement_timeout_seconds) == ("redis", "small", 64, None)
    assert len(redis(capsule).databases) == 1


async def test_plans_belong_to_a_kind(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    assert (await create(capsule, application.id, plan="standard")).plan == "standard"
    for fields, pointer in (({"plan": "huge"}, "/plan"), ({"kind": ServiceKind.EXTERNAL}, "/kind")):
        with pytest.raises(InvalidDataService) as refusal:
            await create(capsule, application.id, "other", **fields)
        assert [each.pointer for each in refusal.value.errors] == [pointer]


async def test_an_installation_may_have_one_kind_only() -> None:
    capsule = DeployCapsule(settings={"CAPSULE_SERVICES_REDIS_ADDRESS": ""})
    application = await capsule.create()
    with pytest.raises(DataServicesUnavailable, match="no redis services"):
        await create(capsule, application.id)
    await create(capsule, application.id, "main", kind=ServiceKind.POSTGRES)


async def test_its_credentials_rotate_and_its_data_are_deleted_after_the_grace_period(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await create(capsule, application.id)
    (name,) = redis(capsule).databases
    await capsule.call(RotateDataService(application_id=application.id, service_id=accepted.id), caller=OWNER)
    await capsule.settle()
    assert redis(capsule).databases[name] == {f"{name}_1", f"{name}_2"}
    await capsule.advance(hours=1, minutes=1)
    assert redis(capsule).databases[name] == {f"{name}_2"}
    await capsule.call(DeleteDataService(application_id=application.id, service_id=accepted.id), caller=OWNER)
    await capsule.advance(seconds=(GRACE + timedelta(minutes=1)).total_seconds())
    assert redis(capsule).databases == {}


async def test_metrics_and_logs(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await create(capsule, application.id)
    ids = {"application_id": application.id, "service_id": accepted.id}
    metrics = await capsule.call(ShowDataServiceMetrics(**ids), caller=OWNER)
    assert (metrics.kind, metrics.max_connections, metrics.memory_limit_bytes, metrics.hit_ratio) == ("redis", 50, 64 << 20, 0.5)
    assert (await capsule.call(ShowDataServiceLogs(**ids), caller=OWNER)).lines == ["ready"]
    await capsule.call(DeleteDataService(**ids), caller=OWNER)
    with pytest.raises(DataServiceNotReady):
        await capsule.call(ShowDataServiceMetrics(**ids), caller=OWNER)
