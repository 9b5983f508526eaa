"""Delete an alert rule and close its open alerts."""

from uuid import UUID

from functions.kernel import Change, Clock, Done, Model, Permission, Permit, Scale, command
from functions.monitor.domain.rejections import ApplicationNotFound, RuleNotFound
from functions.monitor.domain.rules import presets
from functions.monitor.ports import Alerts, Applications, Rules
from functions.monitor.services.access_control import AccessControl


class DeleteAlertRule(Model):
    application_id: UUID
    rule_id: UUID


@command(
    http="DELETE /v1/apps/{application_id}/alert-rules/{rule_id}",
    permission=Permission.ALERTS_WRITE,
    status=204,
    rejects=[ApplicationNotFound, RuleNotFound],
    scale=Scale(max=2, pool=1),
)
async def delete_alert_rule(
    request: DeleteAlertRule, control: AccessControl, permit: Permit, applications: Applications, rules: Rules, alerts: Alerts, clock: Clock
) -> Done[None]:
    application = await applications.get(await control.to_application(permit, request.application_id))
    if application.created_at is not None:
        await rules.add_missing_presets(presets(application.id, application.created_at))  # it may be one
    rule = await rules.get(request.rule_id)
    if rule is None or rule.application_id != application.id:
        raise RuleNotFound

    now = clock.now()
    await rules.delete(rule.id, now)
    for alert in await alerts.open_of(application.id):
        if alert.rule_id == rule.id:
            alert.end(now)
            await alerts.save(alert)
    return Done(None, change=Change(before={"kind": rule.kind, "environment": rule.environment, "threshold": rule.threshold}))
