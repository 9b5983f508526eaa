"""Whether an account may start new work: a deployment, an environment, a one-off command."""

from uuid import UUID

from functions.deploy.ports import Quotas


async def admit_work(quotas: Quotas, user_id: UUID, *, is_growth: bool = True) -> None:
    """`is_growth`: more may run afterwards than before. Raises SubscriptionSuspended, and OverQuota for growth."""
    quota = await quotas.find(user_id)
    if quota is None:  # it gets the default with its first application
        return
    quota.check_subscription()
    if is_growth:
        quota.check_limits()
