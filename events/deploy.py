"""Events of the deploy context: quotas, accounts, applications and environments."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event


class QuotaGranted(Event, type="quota.granted", subject="user_id"):
    """A user's quota was set.

    `memory_mib`: MiB over all applications.
    """

    user_id: UUID
    applications: int
    memory_mib: int
    at: datetime


class AccountStandingChanged(Event, type="account-standing.changed", subject="user_id"):
    """Whether an account may start new work has changed.

    `standing`: `good`; `restricted` (nothing new starts, and what runs goes on until `pauses_at`); `paused` (what runs beyond
    the limits is scaled to zero until the restriction ends). `restriction`: `subscription-suspended`, `usage-exhausted` or
    `over-quota`. `detail`: for people.
    """

    user_id: UUID
    standing: str
    restriction: str | None = None
    detail: str = ""
    pauses_at: datetime | None = None
    at: datetime


class AccountReviewRequested(Event, type="account.review-requested"):
    """The standing of an account may have changed.

    Review it, and pause or resume what it runs.
    """

    user_id: UUID


class ApplicationCreated(Event, type="application.created", subject="application_id", is_public=True):
    """An application was created."""

    application_id: UUID
    user_id: UUID
    name: str
    at: datetime


class TeamApplicationCreated(Event, type="team-application.created", subject="application_id"):
    """An application of a shared team was created.

    Beside `application.created`, for who needs those of shared teams only. `user_id`: the team.
    """

    application_id: UUID
    user_id: UUID
    at: datetime


class ApplicationRenamed(Event, type="application.renamed", subject="application_id"):
    """An application that was never deployed was renamed."""

    application_id: UUID
    user_id: UUID
    name: str
    at: datetime


class ApplicationTransferred(Event, type="application.transferred", subject="application_id", is_public=True):
    """An application was moved to another team.

    `user_id`: the team that owns it now. Usage whose window began before `at` is paid by the former one.
    """

    application_id: UUID
    user_id: UUID
    former_user_id: UUID
    name: str
    at: datetime


class ApplicationDeleted(Event, type="application.deleted", subject="application_id", is_public=True):
    """An application was deleted with all its environments."""

    application_id: UUID
    user_id: UUID
    name: str
    at: datetime


class EnvironmentCreated(Event, type="environment.created", is_public=True):
    """A user created an environment.

    The two that every application has are not announced.
    """

    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    at: datetime


class EnvironmentProtectionChanged(Event, type="environment-protection.changed"):
    """An environment was protected, or its protection was lifted.

    In a protected environment a developer needs a grant.
    """

    application_id: UUID
    user_id: UUID
    environment: str
    is_protected: bool
    at: datetime


class EnvironmentDeleted(Event, type="environment.deleted", is_public=True):
    """An environment was deleted; its application stays."""

    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    at: datetime


class EnvironmentStopped(Event, type="environment.stopped"):
    """An environment was stopped: it runs nothing until it is started."""

    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    at: datetime


class EnvironmentPaused(Event, type="environment.paused"):
    """An environment was scaled to zero, since its account is restricted.

    `reason`: the restriction of the account.
    """

    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    reason: str
    at: datetime


class EnvironmentResumed(Event, type="environment.resumed"):
    """A paused environment runs again: its account is not restricted."""

    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    at: datetime


class MaintenanceStarted(Event, type="maintenance.started", is_public=True):
    """Visitors of an environment get a page instead of the application.

    Published again when the page changes. `message`: what they read; null: a general sentence.
    """

    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    message: str | None = None
    retry_after_seconds: int
    at: datetime


class MaintenanceEnded(Event, type="maintenance.ended", is_public=True):
    """Visitors of an environment reach the application again."""

    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    at: datetime


class InspectionRequested(Event, type="inspection.requested"):
    """An inspection of a repository was requested, or its end was not noticed."""

    inspection_id: UUID
    user_id: UUID
    at: datetime
