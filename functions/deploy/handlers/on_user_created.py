"""A new user may run something: the default quota is granted."""

from events.auth import UserCreated
from events.deploy import QuotaGranted
from functions.deploy.domain.application import Quota
from functions.deploy.ports import Quotas
from functions.kernel import Clock, Done, on


@on(emits=[QuotaGranted])
async def on_user_created(created: UserCreated, quotas: Quotas, clock: Clock) -> Done[None]:
    quota = Quota.default(created.user_id, clock.now())
    await quotas.grant(quota)

    return Done(
        None,
        QuotaGranted(user_id=quota.user_id, applications=quota.applications, memory_mib=quota.memory_mib, at=quota.granted_at),
    )
