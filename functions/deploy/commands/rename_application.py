"""Rename an application that was never deployed.

The name is part of its namespace, of its host names and of its images. A rename after a deployment would change the
addresses that visitors know, so it is refused: create an application under the new name instead.
"""

from uuid import UUID

from events.deploy import ApplicationRenamed
from functions.deploy.domain.application_views import ApplicationSettingsView
from functions.deploy.domain.names import ApplicationName
from functions.deploy.domain.rejections import ApplicationIsDeployed, ApplicationNameTaken, ApplicationNotFound, InvalidApplicationName
from functions.deploy.ports import Applications, Deployments
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, Text, command


class RenameApplication(Model):
    application_id: UUID
    name: Text


@command(
    http="PUT /v1/apps/{application_id}/name",
    permission=Permission.APP_CONFIGURE,
    rejects=[ApplicationNotFound, InvalidApplicationName, ApplicationNameTaken, ApplicationIsDeployed],
    emits=[ApplicationRenamed],
)
async def rename_application(
    request: RenameApplication, applications: Applications, deployments: Deployments, control: AccessControl, permit: Permit, clock: Clock
) -> Done[ApplicationSettingsView]:
    name = ApplicationName(request.name)
    application = await applications.lock(await control.to_application(permit, request.application_id))
    if await deployments.list_latest(application.id) and str(name) != application.name:
        raise ApplicationIsDeployed.of(application.name, str(name))
    former_name = application.name
    events = application.rename(name, clock.now())
    await applications.save(application)

    change = Change({"name": former_name}, {"name": application.name})
    return Done(ApplicationSettingsView.of(application), *events, change=change)
