"""Delayed events that monitor sends to itself. Data and these timers evaluate alerts; housekeeping only rules that fire without data."""

from datetime import timedelta
from uuid import UUID

from functions.kernel import Event

GROUP_WAIT = timedelta(seconds=5)
"""How long a notification waits for other alerts, to send them together."""

SETTLE = timedelta(minutes=5)
"""An alert that fires again within this time continues the same incident."""

SILENCE_INTERVAL = timedelta(minutes=10)
"""How often a firing alert without data is evaluated."""

REPEAT = timedelta(hours=4)
"""Interval between notifications of a firing alert that is not acknowledged."""

SLACK = timedelta(seconds=1)
"""How early a timer may arrive."""


class AlertCheckRequested(Event, type="alert-check.requested"):
    """Evaluate the condition, unless the alert has changed since."""

    alert_id: UUID
    state_version: int


class AlertDeliveryRequested(Event, type="alert-delivery.requested"):
    """Notify the owner of the alert's state, unless that has been done."""

    alert_id: UUID
    state_version: int


class LogClosingRequested(Event, type="log-closing.requested"):
    """Close log lines: many have come."""
