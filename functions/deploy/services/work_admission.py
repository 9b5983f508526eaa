"""Whether an account may start new work, and what follows when it uses less."""

from collections.abc import Sequence
from uuid import UUID

from events.deploy import AccountReviewRequested
from functions.deploy.domain.quota import Quota
from functions.deploy.ports import Quotas
from functions.kernel import Events


async def admit_work(quotas: Quotas, user_id: UUID, *, is_growth: bool = True) -> None:
    """Lock the quota. `is_growth`: more may run afterwards than before.

    Raises SubscriptionSuspended; for growth, also UsageExhausted and OverQuota.
    """
    quota = await quotas.lock(user_id)
    if quota is not None:  # without one the user has nothing yet, and gets the default quota with the first application
        quota.check_work(is_growth=is_growth)


async def admit_works(quotas: Quotas, user_ids: Sequence[UUID]) -> None:
    """As `admit_work`, for growth of several accounts."""
    for quota in await quotas.lock_restricted(user_ids):
        quota.check_work(is_growth=True)


async def review_events(quotas: Quotas, user_id: UUID) -> Events:
    """The event after a user of a restricted account has made something smaller; none for other accounts."""
    quota = await quotas.find(user_id)
    return (AccountReviewRequested(user_id=user_id),) if quota is not None and quota.standing.restriction is not None else ()


async def find_restriction(quotas: Quotas, user_id: UUID) -> tuple[str, str] | None:
    """The restriction of the account and its description, as of now."""
    quota: Quota | None = await quotas.find(user_id)
    return (quota.restriction, quota.describe(quota.restriction)) if quota is not None and quota.restriction is not None else None
