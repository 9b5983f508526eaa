"""Show your quota and how much of it is used."""

from functions.deploy.domain.quota import Quota
from functions.deploy.ports import Quotas
from functions.kernel import Caller, Clock, Model, query


class ShowQuota(Model):
    pass


class LimitView(Model):
    limit: int
    used: int


class QuotaView(Model):
    applications: LimitView
    memory_mib: LimitView
    """Reserved by all environments with a deployment, for the maximum number of their instances."""


@query(http="GET /v1/quota")
async def quota(request: ShowQuota, quotas: Quotas, caller: Caller, clock: Clock) -> QuotaView:
    quota = await quotas.find(caller.user_id) or Quota.default(caller.user_id, clock.now())
    return QuotaView(
        applications=LimitView(limit=quota.applications, used=quota.applications_used),
        memory_mib=LimitView(limit=quota.memory_mib, used=quota.memory_used_mib),
    )
