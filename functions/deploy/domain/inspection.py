"""An inspection: what a build of a repository would do, before there is an application.

A Job clones the repository and plans its build; nothing of the repository runs. It has a namespace of its own, with the limits of an
application's, which is deleted at its end. The result is kept for a day.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, ValidationError

from events.deploy import InspectionRequested
from functions.deploy.domain.application_settings import ApplicationSettings
from functions.deploy.domain.names import namespace_of
from functions.deploy.domain.observation import BUILD_FAILED, BuildJobFailed
from functions.deploy.domain.repository import Repository
from functions.deploy.domain.repository_access import AccessToken
from functions.kernel import Events, Model, new_id

PREFIX = "inspect-"
"""Of its Job, and of the name that stands for the application's in its namespace."""
MAX_ACTIVE, MAX_HOURLY = 2, 30
"""Inspections of one team: at a time, and in an hour."""
TIMEOUT = timedelta(minutes=2)
"""Kubernetes ends the Job then."""
STUCK_AFTER = timedelta(minutes=5)
"""It is observed again then: the cluster's event was lost."""
KEPT = timedelta(days=1)

Short = Annotated[str, Field(max_length=300)]
Texts = Annotated[list[Short], Field(max_length=60)]


class PlannedTool(Model):
    name: Short
    version: Short
    """In the language's own grammar; empty: the default."""
    source: Short
    """The file that names the version."""


class PlannedCommand(Model):
    name: Short
    command: Short


class PlannedStep(Model):
    title: Short
    command: Short


class NeededVariable(Model):
    name: Short
    source: Short
    """The file that names it."""
    example: Short
    """Its value in an example, or its description."""
    is_required: bool


class DetectedPlanView(Model):
    """How a repository would be built and started."""

    kind: Annotated[str, Field(max_length=40)]
    """`python`, `node`, `go`, `ruby`, `php`, `java`, `static`, `procfile` or `dockerfile`."""
    reason: Short
    """What decided."""
    directory: Short
    toolchains: Annotated[list[PlannedTool], Field(max_length=60)]
    steps: Annotated[list[PlannedStep], Field(max_length=60)]
    start: Short
    """Empty for a static site, and where the image's own command starts."""
    release: Short
    processes: Annotated[list[PlannedCommand], Field(max_length=20)]
    """Process types beside web that the repository names."""
    health: Short
    port: int | None
    dockerfile: Short
    is_site: bool
    notices: Texts
    """What was found and is not used, what was added, and how to change it."""
    variables: Annotated[list[NeededVariable], Field(max_length=60)]
    """Environment variables that the repository names for those who run it."""
    gaps: Texts
    """What is missing, such as a lock file."""
    is_shortened: bool
    """Lists were too long and have lost entries."""


class InspectionState(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Inspected:
    """The outcome of the Job."""

    commit: str
    plan: DetectedPlanView


Outcome = Inspected | BuildJobFailed


@dataclass(slots=True)
class Inspection:
    id: UUID
    team_id: UUID
    repository: str
    settings: ApplicationSettings
    requested_at: datetime
    token: AccessToken | None = None
    """Of a private repository over https; only until the end."""
    finished_at: datetime | None = None
    commit: str | None = None
    plan: DetectedPlanView | None = None
    reason: str | None = None
    detail: str | None = None

    @classmethod
    def request(
        cls, repository: Repository, settings: ApplicationSettings, *, team_id: UUID, token: AccessToken | None, at: datetime
    ) -> tuple[Self, Events]:
        inspection = cls(new_id(), team_id, repository.url, settings, at, token)
        return inspection, (InspectionRequested(inspection_id=inspection.id, user_id=team_id, at=at),)

    @property
    def state(self) -> InspectionState:
        if self.finished_at is None:
            return InspectionState.RUNNING
        return InspectionState.SUCCEEDED if self.plan is not None else InspectionState.FAILED

    @property
    def name(self) -> str:
        """Of its Job, and of what stands for the application."""
        return f"{PREFIX}{self.id.hex}"

    @property
    def namespace(self) -> str:
        return namespace_of(self.name)

    def is_overdue(self, now: datetime) -> bool:
        return now >= self.requested_at + STUCK_AFTER

    def finish(self, outcome: Outcome, at: datetime) -> None:
        """Record the outcome and forget the token. The first outcome counts."""
        if self.finished_at is not None:
            return
        self.finished_at, self.token = at, None
        if isinstance(outcome, Inspected):
            self.commit, self.plan = outcome.commit, outcome.plan
        else:
            self.reason, self.detail, self.commit = outcome.reason, outcome.detail, outcome.commit


def read_plan(commit: str, plan: Any) -> Outcome:
    """Read the report of the Job: of its content only the form is trusted, since a repository decides on it."""
    try:
        return Inspected(commit, DetectedPlanView.model_validate(plan))
    except ValidationError:
        return BuildJobFailed(BUILD_FAILED, "The inspection ended without a plan.", commit or None)


def inspection_of(name: str) -> UUID | None:
    """Return the id of the inspection whose Job has this name; None: it is another Job."""
    digits = name.removeprefix(PREFIX)
    try:
        return UUID(hex=digits) if digits != name and len(digits) == 32 else None
    except ValueError:
        return None
