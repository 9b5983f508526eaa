"""Acknowledge an alert. It sends no more notifications."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Clock, Done, Model, Permission, Permit, Scale, command
from functions.monitor.domain.rejections import AlertNotFound, ApplicationNotFound
from functions.monitor.ports import Alerts
from functions.monitor.services.access_control import AccessControl


class AcknowledgeAlert(Model):
    alert_id: UUID


class AcknowledgedAlertView(Model):
    id: UUID
    acknowledged_at: datetime
    acknowledged_by: UUID


@command(http="POST /v1/alerts/{alert_id}/acknowledge", permission=Permission.ALERTS_WRITE, rejects=[AlertNotFound], scale=Scale(max=2, pool=1))
async def acknowledge_alert(
    request: AcknowledgeAlert, control: AccessControl, permit: Permit, alerts: Alerts, clock: Clock
) -> Done[AcknowledgedAlertView]:
    alert = await alerts.lock_one(request.alert_id)
    if alert is None:
        raise AlertNotFound
    try:
        await control.to_application(permit, alert.application_id)
    except ApplicationNotFound as error:
        raise AlertNotFound from error

    alert.acknowledge(permit.caller.user_id, clock.now())
    await alerts.save(alert)
    assert alert.acknowledged_at is not None and alert.acknowledged_by is not None
    return Done(AcknowledgedAlertView(id=alert.id, acknowledged_at=alert.acknowledged_at, acknowledged_by=alert.acknowledged_by))
