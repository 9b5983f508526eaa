"""Create an application from a git repository or an image.

Neither is contacted here: the first build connects to it (see `domain/repository.py`).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from events.deploy import ApplicationCreated, TeamApplicationCreated
from functions.deploy.domain.application import Application
from functions.deploy.domain.application_settings import ApplicationSettings, Builder
from functions.deploy.domain.application_views import ApplicationSettingsView, settings_fields
from functions.deploy.domain.image_reference import ImageReference, admit_image
from functions.deploy.domain.names import ApplicationName
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import (
    ApplicationNameTaken,
    ApplicationQuotaExceeded,
    InvalidApplicationName,
    InvalidImage,
    InvalidRepository,
    InvalidSettings,
    OverQuota,
    RepositoryNotAllowed,
    SubscriptionSuspended,
    TeamNotFound,
    UsageExhausted,
)
from functions.deploy.domain.repository import Repository, RepositoryPolicy
from functions.deploy.ports import Applications, Quotas
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.work_admission import admit_works
from functions.kernel import Clock, Done, FieldError, Int32, Model, Permission, Permit, Scale, Text, command

NO_SETTINGS = {"team_id", "name", "repository", "image"}


class CreateApplication(Model):
    """With `repository` or with `image`. The other fields are optional settings, which PATCH changes."""

    name: Text
    repository: Text | None = None
    image: Text | None = None
    """Reference of an image to deploy instead of a repository."""
    branch: Text | None = None
    directory: Text | None = None
    builder: Builder | None = None
    build_command: Text | None = None
    start_command: Text | None = None
    release_command: Text | None = None
    health_path: Text | None = None
    port: Int32 | None = None
    waking_page: bool | None = None
    team_id: UUID | None = None
    """The team that owns it. Default: your personal team."""


class CreatedApplicationView(ApplicationSettingsView):
    team_id: UUID
    created_at: datetime


@command(
    http="POST /v1/apps",
    permission=Permission.APP_CREATE,
    status=201,
    rejects=[
        *(InvalidApplicationName, InvalidRepository, InvalidImage, InvalidSettings, RepositoryNotAllowed),
        *(ApplicationQuotaExceeded, ApplicationNameTaken, OverQuota, SubscriptionSuspended, UsageExhausted, TeamNotFound),
    ],
    emits=[ApplicationCreated, TeamApplicationCreated],
    scale=Scale(max=10, concurrency=64, pool=4, batch=32),
)
async def create_application(
    requests: Sequence[CreateApplication],
    applications: Applications,
    quotas: Quotas,
    policy: RepositoryPolicy,
    control: AccessControl,
    permits: Sequence[Permit],
    clock: Clock,
) -> Sequence[Done[CreatedApplicationView]]:
    now = clock.now()
    drafts = [(ApplicationName(each.name), _source(each, policy), _settings(each)) for each in requests]
    owners = [(await control.to_team(permit, each.team_id)).membership for each, permit in zip(requests, permits, strict=True)]
    await admit_works(quotas, [owner.team_id for owner in owners])
    created = [
        Application.create(name, source, owner=owner.team_id, at=now, settings=settings, is_of_shared_team=not owner.is_personal)
        for (name, source, settings), owner in zip(drafts, owners, strict=True)
    ]
    await applications.add([(application, Quota.default(application.user_id, now)) for application, _ in created])
    return [Done(_view(application, now), *events) for application, events in created]


def _settings(request: CreateApplication) -> ApplicationSettings:
    return ApplicationSettings.of(**{name: getattr(request, name) for name in request.model_fields_set - NO_SETTINGS})


def _view(application: Application, now: datetime) -> CreatedApplicationView:
    fields = settings_fields(application)
    return CreatedApplicationView(id=application.id, team_id=application.user_id, name=application.name, created_at=now, **fields)


def _source(request: CreateApplication, policy: RepositoryPolicy) -> Repository | ImageReference:
    if request.repository is not None and request.image is None:
        return policy.admit(request.repository)
    if request.image is not None and request.repository is None:
        return admit_image(request.image, policy)
    problem = "set one of them" if request.image is None else "remove one of them"
    raise InvalidSettings.of([FieldError("/repository", f"an application has a repository or an image: {problem}")])
