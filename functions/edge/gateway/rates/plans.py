"""The factor by which a user's plan multiplies limits, learned only for users who come near the limits of the free plan.

Asking for every user would wake the billing context for each. So a request never waits for it: a user who has used a part
of a limit is looked up in the background, and what is learned counts for MAX_AGE_SECONDS.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

from functions.edge.gateway.rates.counters import Count

PLAN_FUNCTION = "billing.subscription"
"""Answers a user with their own subscription; the field `plan` names the plan."""
MAX_AGE_SECONDS = 300.0
RETRY_SECONDS = 30.0
"""After a question without an answer."""
MAX_USERS = 10_000
USED_PART = 0.5

AskPlan = Callable[[UUID, str], Awaitable[str | None]]
"""User, and their access token → the name of the user's plan, None without an answer."""


class PlanFactors:
    """`factors`: of plans, by name; without any nobody is looked up."""

    def __init__(self, factors: Mapping[str, int], ask: AskPlan, now: Callable[[], float] = time.monotonic) -> None:
        self._factors = factors
        self._ask = ask
        self._now = now
        self._known: dict[UUID, tuple[int, float]] = {}
        """User → factor, and until when it counts."""
        self._tasks: dict[UUID, asyncio.Task[None]] = {}

    def factor(self, user_id: UUID) -> int:
        known = self._known.get(user_id)
        return known[0] if known else 1

    def look_up_if_near(self, user_id: UUID, token: str, count: Count) -> None:
        """Learn the user's plan in the background if the request used up a part of a limit."""
        if not self._factors or user_id in self._tasks or count.remaining > count.limit.amount * (1 - USED_PART):
            return
        known = self._known.get(user_id)
        if known is None or known[1] <= self._now():
            self._tasks[user_id] = asyncio.create_task(self._look_up(user_id, token))

    async def _look_up(self, user_id: UUID, token: str) -> None:
        try:
            plan = await self._ask(user_id, token)
            former = self.factor(user_id)
            factor, seconds = (former, RETRY_SECONDS) if plan is None else (self._factors.get(plan, 1), MAX_AGE_SECONDS)
            while len(self._known) >= MAX_USERS:
                del self._known[next(iter(self._known))]
            self._known[user_id] = (factor, self._now() + seconds)
        finally:
            del self._tasks[user_id]
