"""Create an alert rule."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from pydantic import Field

from functions.kernel import Change, Clock, Done, Int32, Model, Number, Permission, Permit, Scale, command
from functions.monitor.domain.rejections import ApplicationNotFound, EnvironmentNotFound, InvalidRule, TooManyRules
from functions.monitor.domain.rules import MAX_RULES, NoData, Rule, RuleKind
from functions.monitor.ports import Applications, Rules
from functions.monitor.services.access_control import AccessControl
from functions.monitor.services.environments import check_existing_environment


class CreateAlertRule(Model):
    """`threshold`: a share of the requests that answer 5xx (error-rate; 0.05 is 5 %), or milliseconds at the 95th percentile (latency); none for what
    happens to deployments. `window` and `for` in seconds. Without `environment`: each by itself. Of the platform itself (the application whose id is
    zeros; admins only): how many dead letters of one function wait, or for how many seconds one does; `environment` is the function."""

    application_id: UUID
    kind: Literal["deployment-failed", "deployment-rolled-back", "error-rate", "latency", "dead-letters", "dead-letter-age", "events-given-up"]
    environment: str | None = Field(default=None, min_length=1, max_length=63)
    threshold: Number | None = None
    window: Int32 = 300
    for_: Int32 = Field(default=0, alias="for")
    min_requests: int = Field(default=1, ge=1, le=1_000_000)
    no_data: Literal["keep", "resolve", "fire"] = Field(
        default="keep",
        description="What a window with fewer than `minRequests` requests means: the alert keeps its state, is resolved, or fires. "
        "`fire` needs an `environment` and is noticed within ten minutes.",
    )


class NewAlertRuleView(Model):
    id: UUID
    created_at: datetime


@command(
    http="POST /v1/apps/{application_id}/alert-rules",
    permission=Permission.ALERTS_WRITE,
    status=201,
    rejects=[ApplicationNotFound, EnvironmentNotFound, InvalidRule, TooManyRules],
    scale=Scale(max=2, pool=1),
)
async def create_alert_rule(
    request: CreateAlertRule, control: AccessControl, permit: Permit, applications: Applications, rules: Rules, clock: Clock
) -> Done[NewAlertRuleView]:
    application = await applications.get(await control.to_application(permit, request.application_id))
    await applications.lock([application.id])  # concurrent requests must not exceed the limit together
    await check_existing_environment(applications, application, request.environment)
    if len(await rules.of([application.id])) >= MAX_RULES:
        raise TooManyRules

    rule = Rule.make(
        application.id,
        RuleKind(request.kind),
        clock.now(),
        environment=request.environment,
        threshold=request.threshold,
        window=timedelta(seconds=min(request.window, 10**6)),
        pending_period=timedelta(seconds=min(request.for_, 10**6)),
        min_requests=request.min_requests,
        no_data=NoData(request.no_data),
    )
    await rules.add(rule)
    created = request.model_dump(exclude={"application_id"}, exclude_none=True)
    return Done(NewAlertRuleView(id=rule.id, created_at=rule.created_at), change=Change(after=created))
