"""What an application's owner does about alerts, and what the application's users do."""

from uuid import UUID

from functions.monitor.commands.create_alert_channel import CreateAlertChannel, NewAlertChannelView
from functions.monitor.commands.create_alert_rule import CreateAlertRule
from functions.monitor.commands.delete_alert_rule import DeleteAlertRule
from functions.monitor.queries.alert_rules import AlertRuleView, ListAlertRules
from tests.monitor.world import ADA, APP, Monitor, window


async def rules_of(monitor: Monitor) -> list[AlertRuleView]:
    return (await monitor.call(ListAlertRules(application_id=APP), caller=ADA)).items


async def make_rule(monitor: Monitor, **fields: object) -> UUID:
    request = CreateAlertRule.model_validate({"applicationId": APP, **fields})
    return (await monitor.call(request, caller=ADA)).id


async def delete_rule(monitor: Monitor, kind: str) -> None:
    for rule in await rules_of(monitor):
        if rule.kind == kind:
            request = DeleteAlertRule(application_id=APP, rule_id=rule.id)
            await monitor.call(request, caller=ADA)


async def channel(monitor: Monitor, url: str = "https://hooks.example.org/x?y=1") -> NewAlertChannelView:
    request = CreateAlertChannel(application_id=APP, url=url)
    return await monitor.call(request, caller=ADA)


async def traffic(monitor: Monitor, ok: int, failed: int, environment: str = "staging", ms: float = 10.0) -> None:
    """One batch, as of now."""
    windows = [
        window(ok, monitor.clock.at, environment=environment, ms=ms),
        window(failed, monitor.clock.at, status=503, environment=environment, ms=ms),
    ]
    await monitor.measured(*(each for each in windows if each.count))
