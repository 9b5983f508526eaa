"""What an application's owner does about alerts, and what the application's users do."""

from uuid import UUID

from functions.monitor.commands.create_alert_channel import CreateAlertChannel, NewAlertChannelView, create_alert_channel
from functions.monitor.commands.create_alert_rule import CreateAlertRule, create_alert_rule
from functions.monitor.commands.delete_alert_rule import DeleteAlertRule, delete_alert_rule
from functions.monitor.queries.alert_rules import AlertRuleView, ListAlertRules, alert_rules
from tests.monitor.world import ADA, APP, Monitor, window


async def rules_of(monitor: Monitor) -> list[AlertRuleView]:
    return (await alert_rules(ListAlertRules(application_id=APP), ADA, monitor.applications, monitor.rules)).rules


async def make_rule(monitor: Monitor, **said: object) -> UUID:
    asked = CreateAlertRule.model_validate({"applicationId": APP, **said})
    return (await create_alert_rule(asked, ADA, monitor.applications, monitor.rules, monitor)).output.id


async def delete_rule(monitor: Monitor, kind: str) -> None:
    for rule in await rules_of(monitor):
        if rule.kind == kind:
            asked = DeleteAlertRule(application_id=APP, rule_id=rule.id)
            await delete_alert_rule(asked, ADA, monitor.applications, monitor.rules, monitor.alerts, monitor)


async def channel(monitor: Monitor, url: str = "https://hooks.example.org/x?y=1") -> NewAlertChannelView:
    asked = CreateAlertChannel(application_id=APP, url=url)
    return (await create_alert_channel(asked, ADA, monitor.applications, monitor.channels, monitor.vault, monitor)).output


async def traffic(monitor: Monitor, ok: int, failed: int, environment: str = "staging", ms: float = 10.0) -> None:
    """One batch, as of now."""
    windows = [window(ok, monitor.time, environment=environment, ms=ms), window(failed, monitor.time, status=503, environment=environment, ms=ms)]
    await monitor.measured(*(each for each in windows if each.count))
