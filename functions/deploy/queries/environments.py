"""List environments with their size and what serves there."""

from datetime import datetime
from uuid import UUID

from functions.deploy.domain.deployment.summary import find_serving
from functions.deploy.domain.environment import ObservationPolicy
from functions.deploy.domain.maintenance import MaintenanceView
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Deployments, Environments
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Page, Permission, Permit, query


class ListEnvironments(Model):
    application_id: UUID


class EnvironmentView(Model):
    name: EnvironmentName
    is_protected: bool
    """Whether a developer needs a grant that names it."""
    created_at: datetime
    min_scale: int
    max_scale: int
    memory_mib: int
    cpu_millis: int
    observation_seconds: int
    stopped_at: datetime | None
    paused_at: datetime | None
    pause_reason: str | None
    maintenance: MaintenanceView | None
    """What visitors get instead of the application; null: they reach it."""
    url: str | None
    release: int | None
    commit: str | None


@query(http="GET /v1/apps/{application_id}/environments", permission=Permission.APP_READ, rejects=[ApplicationNotFound])
async def environments(
    request: ListEnvironments,
    applications: Applications,
    environments: Environments,
    deployments: Deployments,
    policy: ObservationPolicy,
    control: AccessControl,
    permit: Permit,
) -> Page[EnvironmentView]:
    application = await applications.get(await control.to_application(permit, request.application_id))

    latest_by_environment = {each.environment: each for each in await deployments.list_latest(application.id)}
    items = []
    for each in await environments.list_all(application):
        succeeded, latest, terms = await deployments.find_serving(each), latest_by_environment.get(each.name), each.terms(policy, application)
        found = find_serving(succeeded, latest) if latest and latest.requested_at >= each.created_at else None
        serving = found.deployment if found else None
        items.append(
            EnvironmentView(
                name=each.name,
                is_protected=each.name in application.protected_environments,
                created_at=each.created_at,
                min_scale=each.size.min_scale,
                max_scale=each.size.max_scale,
                memory_mib=each.size.memory_mib,
                cpu_millis=each.size.cpu_millis,
                observation_seconds=terms.observation_seconds,
                stopped_at=each.stopped_at,
                paused_at=each.paused_at,
                pause_reason=each.pause_reason,
                maintenance=MaintenanceView.of(each.maintenance),
                url=serving.url if serving else None,
                release=serving.release if serving else None,
                commit=serving.commit if serving else None,
            )
        )
    return Page(items=items)
