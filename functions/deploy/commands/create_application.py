"""Create an application from a git repository.

The repository is not contacted here: the first build connects to it (see `domain/repository.py`).
"""

from datetime import datetime
from uuid import UUID

from events.deploy import ApplicationCreated
from functions.deploy.domain.application import Application
from functions.deploy.domain.names import ApplicationName
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import (
    ApplicationNameTaken,
    ApplicationQuotaExceeded,
    InvalidApplicationName,
    InvalidRepository,
    RepositoryNotAllowed,
)
from functions.deploy.domain.repository import RepositoryPolicy
from functions.deploy.ports import Applications
from functions.kernel import Caller, Clock, Done, Model, Scale, command


class CreateApplication(Model):
    name: str
    repository: str


class CreatedApplicationView(Model):
    id: UUID
    name: str
    repository: str
    created_at: datetime


@command(
    http="POST /v1/apps",
    status=201,
    rejects=[InvalidApplicationName, InvalidRepository, RepositoryNotAllowed, ApplicationQuotaExceeded, ApplicationNameTaken],
    emits=[ApplicationCreated],
    scale=Scale(max=10, concurrency=64, pool=4),
)
async def create_application(
    request: CreateApplication, applications: Applications, policy: RepositoryPolicy, caller: Caller, clock: Clock
) -> Done[CreatedApplicationView]:
    name = ApplicationName(request.name)
    repository = policy.admit(request.repository)

    now = clock.now()
    application, events = Application.create(name, repository, owner=caller.user_id, at=now)
    await applications.add(application, default_quota=Quota.default(caller.user_id, now))

    return Done(
        CreatedApplicationView(id=application.id, name=application.name, repository=application.repository, created_at=now),
        *events,
    )
