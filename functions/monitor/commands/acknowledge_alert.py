"""Acknowledge an alert. It sends no more notifications."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Caller, Clock, Done, Model, Scale, command
from functions.monitor.domain.rejections import AlertNotFound
from functions.monitor.ports import Alerts, Applications


class AcknowledgeAlert(Model):
    alert_id: UUID


class AcknowledgedAlertView(Model):
    id: UUID
    acknowledged_at: datetime
    acknowledged_by: UUID


@command(http="POST /v1/alerts/{alert_id}/acknowledge", rejects=[AlertNotFound], scale=Scale(max=2, pool=1))
async def acknowledge_alert(
    request: AcknowledgeAlert, caller: Caller, alerts: Alerts, applications: Applications, clock: Clock
) -> Done[AcknowledgedAlertView]:
    alert = await alerts.lock_one(request.alert_id)
    application = await applications.get(alert.application_id) if alert else None
    if alert is None or application is None or not application.readable_by(caller):
        raise AlertNotFound

    alert.acknowledge(caller.user_id, clock.now())
    await alerts.save(alert)
    assert alert.acknowledged_at is not None and alert.acknowledged_by is not None
    return Done(AcknowledgedAlertView(id=alert.id, acknowledged_at=alert.acknowledged_at, acknowledged_by=alert.acknowledged_by))
