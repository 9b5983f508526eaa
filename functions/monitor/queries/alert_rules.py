"""List the alert rules of an application."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from functions.kernel import Model, Page, Permission, Permit, Scale, query
from functions.monitor.domain.rejections import ApplicationNotFound
from functions.monitor.ports import Applications, Rules
from functions.monitor.services.access_control import AccessControl


class ListAlertRules(Model):
    application_id: UUID


class AlertRuleView(Model):
    """`window` and `for` in seconds, null for rules about deployments. `preset`: created with the application."""

    id: UUID
    kind: str
    environment: str | None
    threshold: float | None
    window: int | None
    for_: int | None = Field(alias="for")
    min_requests: int | None
    no_data: str | None = Field(description="What a window without data means: keep, resolve or fire. Null for rules about deployments.")
    preset: bool
    created_at: datetime


@query(http="GET /v1/apps/{application_id}/alert-rules", permission=Permission.ALERTS_READ, rejects=[ApplicationNotFound], scale=Scale(max=2, pool=1))
async def alert_rules(
    request: ListAlertRules, control: AccessControl, permit: Permit, applications: Applications, rules: Rules
) -> Page[AlertRuleView]:
    application = await applications.get(await control.to_application(permit, request.application_id))

    return Page(
        items=[
            AlertRuleView(
                id=rule.id,
                kind=rule.kind,
                environment=rule.environment,
                threshold=rule.threshold,
                window=round(rule.window.total_seconds()) if rule.kind.is_measured else None,
                for_=round(rule.pending_period.total_seconds()) if rule.kind.is_measured else None,
                min_requests=rule.min_requests if rule.kind.is_measured else None,
                no_data=rule.no_data if rule.kind.is_measured else None,
                preset=rule.preset,
                created_at=rule.created_at,
            )
            for rule in await rules.of([application.id])
        ]
    )
