"""A user makes an application of a git repository."""

from datetime import datetime
from uuid import UUID

from events.deploy import ApplicationCreated
from functions.deploy.domain.application import Application, Quota
from functions.deploy.domain.names import ApplicationName
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


class CreatedApplication(Model):
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
    asked: CreateApplication, applications: Applications, policy: RepositoryPolicy, caller: Caller, clock: Clock
) -> Done[CreatedApplication]:
    name = ApplicationName(asked.name)
    repository = policy.admit(asked.repository)

    now = clock.now()
    application = Application.create(name, repository, owner=caller.user_id, at=now)
    await applications.add(application, otherwise=Quota.default(caller.user_id, now))

    return Done(
        CreatedApplication(id=application.id, name=application.name, repository=application.repository, created_at=now),
        ApplicationCreated(application_id=application.id, user_id=caller.user_id, name=application.name, at=now),
    )
