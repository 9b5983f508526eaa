"""Export what monitor stores: alerts, rules, webhooks.

One part of the export of all data about a user: each context has its own. Logs and metrics are large: `GET /v1/apps/{id}/logs` and
`…/metrics` return them.
"""

from datetime import datetime
from uuid import UUID

from functions.kernel import OWN_ACCOUNT, Caller, Model, query
from functions.monitor.domain.alerts import State
from functions.monitor.domain.views import AlertView
from functions.monitor.domain.webhook_views import WebhookView
from functions.monitor.ports import Addresses, Alerts, Applications, Channels, Rules, WebhookStore

MAX_ALERTS = 1_000


class ExportMonitoring(Model):
    pass


class ExportedApplicationNameView(Model):
    id: UUID
    name: str
    deleted_at: datetime | None


class ExportedRuleView(Model):
    id: UUID
    application_id: UUID
    kind: str
    environment: str | None
    threshold: float | None
    created_at: datetime


class ExportedChannelView(Model):
    id: UUID
    application_id: UUID
    url: str
    created_at: datetime


class MonitorExport(Model):
    email: str | None
    applications: list[ExportedApplicationNameView]
    rules: list[ExportedRuleView]
    channels: list[ExportedChannelView]
    webhooks: list[WebhookView]
    alerts: list[AlertView]


@query(http="GET /v1/users/me/exports/monitor", allow=OWN_ACCOUNT)
async def export(
    request: ExportMonitoring,
    addresses: Addresses,
    applications: Applications,
    rules: Rules,
    channels: Channels,
    webhooks: WebhookStore,
    alerts: Alerts,
    caller: Caller,
) -> MonitorExport:
    owned = {each.id: each for each in await applications.of_teams([caller.user_id])}
    return MonitorExport(
        email=await addresses.of(caller.user_id),
        applications=[ExportedApplicationNameView(id=each.id, name=each.name, deleted_at=each.deleted_at) for each in owned.values()],
        rules=[
            ExportedRuleView(
                id=rule.id,
                application_id=rule.application_id,
                kind=rule.kind,
                environment=rule.environment,
                threshold=rule.threshold,
                created_at=rule.created_at,
            )
            for rule in await rules.of(list(owned))
        ],
        channels=[
            ExportedChannelView(id=channel.id, application_id=each, url=channel.url, created_at=channel.created_at)
            for each in owned
            for channel in await channels.of(each)
        ],
        webhooks=[WebhookView.of(each) for each in await webhooks.list_of_personal_team(caller)],
        alerts=[AlertView.of(alert, owned[alert.application_id].name) for alert in await alerts.page(list(owned), list(State), None, MAX_ALERTS)],
    )
