"""Record which meters of a user's plan are used up.

Nothing new starts while there are any.
"""

from events.billing import UsageAllowanceChanged
from events.deploy import AccountReviewRequested
from functions.deploy.domain.quota import ExhaustedMeter, Quota
from functions.deploy.ports import Quotas
from functions.kernel import Clock, Done, on


@on(emits=[AccountReviewRequested])
async def on_usage_allowance_changed(event: UsageAllowanceChanged, quotas: Quotas, clock: Clock) -> Done[None]:
    await quotas.grant(Quota.default(event.user_id, clock.now()))
    exhausted = [ExhaustedMeter(each.meter, each.included) for each in event.exhausted]
    await quotas.set_exhausted(event.user_id, exhausted, event.period_end)

    return Done(None, AccountReviewRequested(user_id=event.user_id))
