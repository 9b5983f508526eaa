"""What tests of data services do on the in-memory Capsule: create, bind, read."""

import base64
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from functions.deploy import ports
from functions.deploy.commands.bind_data_service import BindDataService
from functions.deploy.commands.create_data_service import CreateDataService, DataServiceAccepted
from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.data_service_views import DataServiceView
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.storage_amounts import StorageAmounts
from functions.deploy.queries.data_services import ListDataServices
from tests.deploy.deploy_capsule import OWNER, DeployCapsule
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
