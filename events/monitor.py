"""What the monitor context states: measured use of applications, which billing adds up, and alerts."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event


class UsageMeasured(Event, type="usage.measured"):
    """One window of one application's use. `usage_id` is unique: whoever adds it up adds it once."""

    usage_id: UUID
    application_id: UUID
    user_id: UUID
    environment: str
    window_from: datetime
    window_to: datetime
    requests: int
    cpu_milliseconds: int = 0


class AlertFired(Event, type="alert.fired", subject="alert_id"):
    """Something is wrong with an application. `kind`: deployment-failed, deployment-rolled-back, error-rate, latency; `summary` is what a person
    reads. Of the platform itself (an id of zeros; `environment` is the function): dead-letters, dead-letter-age, events-given-up."""

    alert_id: UUID
    application_id: UUID
    environment: str
    kind: str
    summary: str
    deployment_id: UUID | None = None
    at: datetime


class AlertResolved(Event, type="alert.resolved", subject="alert_id"):
    """It is over, so far."""

    alert_id: UUID
    application_id: UUID
    environment: str
    kind: str
    at: datetime


class AlertNotificationRequested(Event, type="alert-notification.requested"):
    """An owner is to be told of alerts: by mail, or at a webhook of theirs. The delivery's row says what and where."""

    delivery_id: UUID
    application_id: UUID
    at: datetime
