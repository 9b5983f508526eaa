"""Add a server elsewhere as a data service, by its URL.

The URL is stored as a secret. Capsule neither connects to the server nor deletes anything on it.
"""

from uuid import UUID

from pydantic import Field

from events.data_services import DataServiceCreated
from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.data_service_rejections import DataServiceNameTaken, InvalidDataService, TooManyDataServices
from functions.deploy.domain.data_service_views import DataServiceView
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.service_plans import ServiceKind
from functions.deploy.ports import Applications, DataServices, Vault
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.data_service_limits import require_room
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, SecretText, Text, command


class AddExternalDataService(Model):
    application_id: UUID
    name: Text
    url: SecretText = Field(json_schema_extra={"writeOnly": True})
    """With user and password, as in postgresql://user:password@db.example.com/shop."""


@command(
    http="POST /v1/apps/{application_id}/external-services",
    permission=Permission.APP_CONFIGURE,
    status=201,
    rejects=[ApplicationNotFound, InvalidDataService, DataServiceNameTaken, TooManyDataServices],
    emits=[DataServiceCreated],
)
async def add_external_data_service(
    request: AddExternalDataService,
    applications: Applications,
    services: DataServices,
    vault: Vault,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[DataServiceView]:
    application = await applications.lock(await control.to_application(permit, request.application_id))
    await require_room(services, application, ServiceKind.EXTERNAL, plan="")

    service, events = DataService.add_external(application, request.name, request.url.get_secret_value(), vault.seal, clock.now())
    await services.add(service)

    return Done(DataServiceView.of(service, ()), *events, change=Change(after={"service": service.name}))
