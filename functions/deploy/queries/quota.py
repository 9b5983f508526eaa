"""How much a user may run, and how much of it is used."""

from functions.deploy.domain.application import Quota as Granted
from functions.deploy.ports import Quotas
from functions.kernel import Caller, Clock, Model, query


class ShowQuota(Model):
    pass


class Used(Model):
    limit: int
    used: int


class Quota(Model):
    applications: Used
    memory_mib: Used
    """Of all environments that something was deployed to, with all the instances that each may have."""


@query(http="GET /v1/quota")
async def quota(asked: ShowQuota, quotas: Quotas, caller: Caller, clock: Clock) -> Quota:
    granted = await quotas.find(caller.user_id) or Granted.default(caller.user_id, clock.now())
    return Quota(
        applications=Used(limit=granted.applications, used=granted.applications_used),
        memory_mib=Used(limit=granted.memory_mib, used=granted.memory_used_mib),
    )
