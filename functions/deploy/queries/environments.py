"""The environments of an application, each with its size and what serves there."""

from datetime import datetime
from uuid import UUID

from functions.deploy.domain.environment import Patience
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Deployments, Environments
from functions.kernel import Caller, Model, query


class ListEnvironments(Model):
    application_id: UUID


class ListedEnvironment(Model):
    name: EnvironmentName
    created_at: datetime
    min_scale: int
    max_scale: int
    memory_mib: int
    cpu_millis: int
    observation_seconds: int
    url: str | None
    release: int | None
    commit: str | None


class EnvironmentList(Model):
    items: list[ListedEnvironment]


@query(http="GET /v1/apps/{application_id}/environments", rejects=[ApplicationNotFound])
async def environments(
    asked: ListEnvironments, applications: Applications, environments: Environments, deployments: Deployments, patience: Patience, caller: Caller
) -> EnvironmentList:
    application = (await applications.get(asked.application_id)).owned_by(caller.user_id)

    items = []
    for each in await environments.all(application):
        good, terms = await deployments.last_good(each), each.terms(patience, application)
        items.append(
            ListedEnvironment(
                name=each.name,
                created_at=each.created_at,
                min_scale=each.size.min_scale,
                max_scale=each.size.max_scale,
                memory_mib=each.size.memory_mib,
                cpu_millis=each.size.cpu_millis,
                observation_seconds=terms.observation_seconds,
                url=good.url if good else None,
                release=good.release if good else None,
                commit=good.commit if good else None,
            )
        )
    return EnvironmentList(items=items)
