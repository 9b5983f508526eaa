"""Events of the monitor context: usage of applications, and alerts."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event


class UsageMeasured(Event, type="usage.measured"):
    """The usage of one environment in one window of time was measured.

    `usage_id` is unique: consumers add each up once. `cpu_milliseconds`: CPU time of all instances. `application`: its name, for
    bills; empty if it was erased.
    """

    usage_id: UUID
    application_id: UUID
    user_id: UUID
    environment: str
    window_from: datetime
    window_to: datetime
    requests: int
    cpu_milliseconds: int = 0
    application: str = ""


class MeasurementInterrupted(Event, type="measurement.interrupted"):
    """Usage is no longer measured.

    The platform's collector has not reported since a time.
    """

    since: datetime
    at: datetime


class MeasurementResumed(Event, type="measurement.resumed"):
    """Usage is measured again."""

    at: datetime


class AlertFired(Event, type="alert.fired", subject="alert_id", is_public=True):
    """An alert fired.

    `kind`: `deployment-failed`, `deployment-rolled-back`, `error-rate` or `latency`; of the platform itself `dead-letters`,
    `dead-letter-age` or `events-given-up`, with an application id of zeros and the function's name as `environment`.
    `summary`: for people.
    """

    alert_id: UUID
    application_id: UUID
    environment: str
    kind: str
    summary: str
    deployment_id: UUID | None = None
    at: datetime


class AlertResolved(Event, type="alert.resolved", subject="alert_id", is_public=True):
    """An alert was resolved: its condition no longer holds."""

    alert_id: UUID
    application_id: UUID
    environment: str
    kind: str
    at: datetime


class WebhookDisabled(Event, type="webhook.disabled", subject="webhook_id", is_public=True):
    """A webhook was disabled because its deliveries failed.

    `url`: scheme, host and port. `reason`: `failing` (for days) or `gone` (it answered 410).
    """

    webhook_id: UUID
    user_id: UUID
    url: str
    reason: str
    at: datetime


class WebhookDisabledNoticeRequested(Event, type="webhook-disabled-notice.requested"):
    """A team is to be told by e-mail that its webhook was disabled.

    `notice_id`: of this e-mail, the same in every attempt to send it. `url`: scheme, host and port.
    """

    notice_id: UUID
    webhook_id: UUID
    user_id: UUID
    url: str
    reason: str


class WebhookDeliveryRequested(Event, type="webhook-delivery.requested"):
    """An attempt of a delivery to a webhook is due.

    `attempt`: its number; the attempt is made once.
    """

    delivery_id: UUID
    attempt: int


class AlertNotificationRequested(Event, type="alert-notification.requested"):
    """A notification of alerts is to be sent, by e-mail or webhook.

    The row of the delivery has the recipient and the content.
    """

    delivery_id: UUID
    application_id: UUID
    at: datetime
