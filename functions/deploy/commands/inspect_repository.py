"""Inspect a repository: what a build of it would do.

Returns 202: read the plan from the inspection, some seconds later. The repository is cloned as for a build; nothing of it runs.
For an address that a build could read too, with the same limits.
"""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from events.deploy import InspectionRequested
from functions.deploy.domain.application_settings import ApplicationSettings, Builder
from functions.deploy.domain.inspection import MAX_ACTIVE, MAX_HOURLY, Inspection, InspectionState
from functions.deploy.domain.inspection_rejections import TooManyInspections
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import (
    InvalidAccessToken,
    InvalidRepository,
    InvalidSettings,
    OverQuota,
    RepositoryNotAllowed,
    SubscriptionSuspended,
    TeamNotFound,
    UsageExhausted,
)
from functions.deploy.domain.repository import Repository, RepositoryPolicy
from functions.deploy.domain.repository_access import AccessToken
from functions.deploy.ports import Inspections, Quotas, Vault
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.work_admission import admit_work
from functions.kernel import Clock, Done, Model, Permission, Permit, SecretText, Text, command


class InspectRepository(Model):
    """The fields of a new application that its build reads."""

    repository: Text
    branch: Text | None = None
    directory: Text | None = None
    builder: Builder | None = None
    build_command: Text | None = None
    start_command: Text | None = None
    release_command: Text | None = None
    token: SecretText | None = Field(default=None, json_schema_extra={"writeOnly": True})
    """An access token for a private https repository. Not kept after the inspection."""
    token_user: Text | None = None
    team_id: UUID | None = None
    """The team that may create the application. Default: your personal team."""


class InspectionAccepted(Model):
    id: UUID
    state: InspectionState
    requested_at: datetime


@command(
    http="POST /v1/inspections",
    permission=Permission.APP_CREATE,
    status=202,
    without_operation="the inspection is the resource that is followed: its state and its plan are read together",
    rejects=[
        *(InvalidRepository, RepositoryNotAllowed, InvalidSettings, InvalidAccessToken, TeamNotFound, TooManyInspections),
        *(OverQuota, SubscriptionSuspended, UsageExhausted),
    ],
    emits=[InspectionRequested],
)
async def inspect_repository(
    request: InspectRepository,
    inspections: Inspections,
    quotas: Quotas,
    policy: RepositoryPolicy,
    vault: Vault,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[InspectionAccepted]:
    repository = policy.admit(request.repository)
    settings = ApplicationSettings.of(**request.model_dump(exclude_none=True, exclude={"repository", "token", "token_user", "team_id"}))
    team_id = (await control.to_team(permit, request.team_id)).team_id
    now = clock.now()
    await quotas.grant(Quota.default(team_id, now))
    await admit_work(quotas, team_id)  # it locks the quota: two requests at once are counted one after the other

    active, recent = await inspections.count(team_id, now)
    if active >= MAX_ACTIVE:
        raise TooManyInspections.of_running(MAX_ACTIVE)
    if recent >= MAX_HOURLY:
        raise TooManyInspections.of_hour(MAX_HOURLY)

    inspection, events = Inspection.request(repository, settings, team_id=team_id, token=_token(request, repository, policy, vault, now), at=now)
    await inspections.add(inspection)
    return Done(InspectionAccepted(id=inspection.id, state=inspection.state, requested_at=now), *events)


def _token(request: InspectRepository, repository: Repository, policy: RepositoryPolicy, vault: Vault, at: datetime) -> AccessToken | None:
    if request.token is None:
        return None
    text = request.token.get_secret_value()
    return AccessToken.create(repository.url, text, request.token_user, allows_http=policy.lists(repository), seal=vault.seal, at=at)
