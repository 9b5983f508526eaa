"""Undo the deletion of a data service within its grace period.

Bind it again afterwards: a deletion needs it to be bound to no environment.
"""

from uuid import UUID

from events.data_services import DataServiceRestored
from functions.deploy.domain.data_service_rejections import DataServiceNotDeleted, DataServiceNotFound
from functions.deploy.domain.data_service_views import DataServiceView
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, DataServices
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, command


class UndeleteDataService(Model):
    application_id: UUID
    service_id: UUID


@command(
    http="POST /v1/apps/{application_id}/services/{service_id}/undelete",
    permission=Permission.APP_CONFIGURE,
    rejects=[ApplicationNotFound, DataServiceNotFound, DataServiceNotDeleted],
    emits=[DataServiceRestored],
)
async def undelete_data_service(
    request: UndeleteDataService, applications: Applications, services: DataServices, control: AccessControl, permit: Permit, clock: Clock
) -> Done[DataServiceView]:
    application = await applications.lock(await control.to_application(permit, request.application_id))
    service = await services.lock(application.id, request.service_id)
    events = service.undelete(application.user_id, clock.now())
    await services.save(service)

    return Done(DataServiceView.of(service, ()), *events, change=Change(after={"service": service.name}))
