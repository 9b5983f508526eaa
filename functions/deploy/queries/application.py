"""Show an application and what serves in its environments."""

from datetime import datetime
from uuid import UUID

from functions.deploy.domain.application_views import ApplicationSettingsView, settings_fields
from functions.deploy.domain.deployment.summary import find_serving, summarize_environment
from functions.deploy.domain.maintenance import MaintenanceView
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Deployments, Environments
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Permission, Permit, query


class ShowApplication(Model):
    application_id: UUID


class LatestDeploymentView(Model):
    id: UUID
    status: str
    reason: str | None
    release: int | None
    rolled_back_to: int | None
    requested_at: datetime


class DeployedEnvironmentView(Model):
    name: EnvironmentName
    summary: str
    """What serves, and the outcome of the last deployment: `r1 serving · last deployment (r3) rolled back
    (failing-requests)`."""
    stopped_at: datetime | None
    paused_at: datetime | None
    """Since when it is scaled to zero because the account is restricted."""
    pause_reason: str | None
    maintenance: MaintenanceView | None
    """What visitors get instead of the application; null: they reach it."""
    url: str | None
    release: int | None
    """The release that serves now, also while it is observed and after a rollback. Null: nothing serves."""
    commit: str | None
    serving_since: datetime | None
    """When it took the traffic, or took it again after a rollback."""
    latest_deployment: LatestDeploymentView


class ApplicationView(ApplicationSettingsView):
    team_id: UUID
    created_at: datetime
    config_version: int
    environments: list[DeployedEnvironmentView]
    """Environments with at least one deployment."""


@query(http="GET /v1/apps/{application_id}", permission=Permission.APP_READ, rejects=[ApplicationNotFound])
async def application(
    request: ShowApplication, applications: Applications, environments: Environments, deployments: Deployments, control: AccessControl, permit: Permit
) -> ApplicationView:
    application = await applications.get(await control.to_application(permit, request.application_id))
    latest_by_environment = {each.environment: each for each in await deployments.list_latest(application.id)}

    views = []
    for environment in await environments.list_all(application):
        latest = latest_by_environment.get(environment.name)
        if latest is None or latest.requested_at < environment.created_at:
            continue
        serving = find_serving(await deployments.find_serving(environment), latest)
        views.append(
            DeployedEnvironmentView(
                name=environment.name,
                summary=summarize_environment(
                    serving, latest, stop_reason=environment.stop_reason, has_maintenance=environment.maintenance is not None
                ),
                stopped_at=environment.stopped_at,
                paused_at=environment.paused_at,
                pause_reason=environment.pause_reason,
                maintenance=MaintenanceView.of(environment.maintenance),
                url=serving.deployment.url if serving else None,
                release=serving.deployment.release if serving else None,
                commit=serving.deployment.commit if serving else None,
                serving_since=serving.since if serving else None,
                latest_deployment=LatestDeploymentView(
                    id=latest.id,
                    status=latest.status,
                    reason=latest.reason,
                    release=latest.release,
                    rolled_back_to=latest.rolled_back_to,
                    requested_at=latest.requested_at,
                ),
            )
        )
    return ApplicationView(
        id=application.id,
        name=application.name,
        team_id=application.user_id,
        **settings_fields(application),
        created_at=application.created_at,
        config_version=application.config_version,
        environments=views,
    )
