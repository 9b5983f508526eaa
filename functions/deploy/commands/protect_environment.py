"""Set whether a developer needs a grant for an environment.

In a protected environment, a developer deploys and configures only with a grant that names it. `production` is protected
from the start. Takes effect at once. Idempotent. Not with an API token: a program that deploys does not lift a protection.
"""

from uuid import UUID

from events.deploy import EnvironmentProtectionChanged
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound, TooManyProtectedEnvironments
from functions.deploy.ports import Applications, Environments
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, command


class ProtectEnvironment(Model):
    application_id: UUID
    environment: EnvironmentName
    is_protected: bool


class EnvironmentProtectionView(Model):
    name: EnvironmentName
    is_protected: bool


@command(
    http="PUT /v1/apps/{application_id}/environments/{environment}/protection",
    permission=Permission.TEAM_MANAGE,
    rejects=[ApplicationNotFound, EnvironmentNotFound, TooManyProtectedEnvironments],
    emits=[EnvironmentProtectionChanged],
    is_session_only=True,
)
async def protect_environment(
    request: ProtectEnvironment, applications: Applications, environments: Environments, control: AccessControl, permit: Permit, clock: Clock
) -> Done[EnvironmentProtectionView]:
    application = await applications.lock(await control.to_application(permit, request.application_id))
    if request.environment not in application.protected_environments:  # the protection of a deleted environment can be lifted
        await environments.get(application, request.environment)
    former = list(application.protected_environments)
    if events := application.protect(request.environment, request.is_protected, clock.now()):
        await applications.save(application)
    view = EnvironmentProtectionView(name=request.environment, is_protected=request.is_protected)
    return Done(view, *events, change=Change({"protected": former}, {"protected": list(application.protected_environments)}))
