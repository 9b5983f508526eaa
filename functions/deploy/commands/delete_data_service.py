"""Delete a data service that is bound to no environment.

Its data are kept for 7 days, in which it can be restored. An external service and one without data are removed at once.
Idempotent.
"""

from uuid import UUID

from events.data_services import DataServiceDeleted, DataServicePurgeRequested
from functions.deploy.domain.data_service_rejections import DataServiceIsBound, DataServiceNotFound
from functions.deploy.domain.data_service_views import DataServiceView, bindings_of
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Configurations, DataServices
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, command


class DeleteDataService(Model):
    application_id: UUID
    service_id: UUID


@command(
    http="DELETE /v1/apps/{application_id}/services/{service_id}",
    permission=Permission.APP_CONFIGURE,
    rejects=[ApplicationNotFound, DataServiceNotFound, DataServiceIsBound],
    emits=[DataServiceDeleted, DataServicePurgeRequested],
)
async def delete_data_service(
    request: DeleteDataService,
    applications: Applications,
    services: DataServices,
    configurations: Configurations,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[DataServiceView]:
    application = await applications.lock(await control.to_application(permit, request.application_id))
    service = await services.lock(application.id, request.service_id)
    if bound := bindings_of(service, await configurations.at(application.id, application.config_version)):
        raise DataServiceIsBound.of(service.name, sorted({each.scope for each in bound}))

    events = service.delete(application.user_id, clock.now())
    await services.save(service)

    return Done(DataServiceView.of(service, ()), *events, change=Change(before={"service": service.name}))
