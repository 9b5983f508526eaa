"""What monitor tells itself after a while. There is no schedule that looks at alerts: they move when data arrives, and when one of these does."""

from datetime import timedelta
from uuid import UUID

from functions.kernel import Event

GROUP_WAIT = timedelta(seconds=5)
"""So long a mail waits for what else breaks together with it."""

SETTLE = timedelta(minutes=5)
"""What comes back within this was not over: it is the same incident, and nobody is told twice."""

REPEAT = timedelta(hours=4)
"""So often an alert that goes on and that nobody has acknowledged is told again."""

SLACK = timedelta(seconds=1)
"""A timer may come that much early."""


class AlertCheckRequested(Event, type="alert-check.requested"):
    """Look whether the condition still holds, if the alert has not moved since."""

    alert_id: UUID
    turn: int


class AlertDeliveryRequested(Event, type="alert-delivery.requested"):
    """Tell the owner how the alert stands, if that has not been told."""

    alert_id: UUID
    turn: int
