"""What stands between the gateway and too many requests: load shedding, rate limits, places of callers, circuits, metrics.

shed              by priority, before anything is read
count_address     before the access token is verified
place, count      by caller
cache             answers instead of a context, where a declaration allows it
call              by context
"""

from collections.abc import Callable, Container, Mapping
from uuid import UUID

import orjson

from functions.edge.gateway.admission import Admission, priority_of
from functions.edge.gateway.cache.responses import Counters, ResponseCache
from functions.edge.gateway.cache.stores import open_store
from functions.edge.gateway.context_calls import ContextCalls
from functions.edge.gateway.envelope import SOURCE
from functions.edge.gateway.execution_totals import ExecutionTotals
from functions.edge.gateway.gauges import Gauges
from functions.edge.gateway.health import Health
from functions.edge.gateway.metrics import Metrics
from functions.edge.gateway.options import Options
from functions.edge.gateway.ports import Requester
from functions.edge.gateway.rates.counters import open_counters
from functions.edge.gateway.rates.limiter import RateLimiter, client_key
from functions.edge.gateway.rates.plans import PLAN_FUNCTION, PlanFactors
from functions.edge.gateway.routing import Route
from functions.kernel import Caller, Clock, RateClass, new_id
from functions.runtime.messaging.bus import BrokerUnavailable, NoReply, Reply, Unroutable
from functions.wire.cloudevents import Message, new_message
from functions.wire.tracing import Tracer

PLAN_TIMEOUT_SECONDS = 10.0


class Traffic:
    """`in_progress`: the number of requests in progress in this gateway. `functions`: the names of all functions."""

    def __init__(
        self,
        requester: Requester,
        health: Health,
        clock: Clock,
        options: Options,
        functions: Container[str],
        in_progress: Callable[[], int],
        tracer: Tracer,
    ) -> None:
        self.metrics = Metrics()
        store = open_store(options.redis_url, options.cache_bytes) if options.is_cache_on else None
        counters = Counters(self.metrics.record_cache_request, self.metrics.record_cache_purge)
        self.cache = ResponseCache(store, counters, options.cache_settle_seconds)
        self._requester = requester
        self._health = health
        self._clock = clock
        self._in_progress = in_progress
        self._admission = Admission(options.concurrency, options.caller_concurrency, self.metrics.record_shed)
        self._counters = open_counters(options.redis_url, is_fail_open=options.is_rate_limit_fail_open)
        plans = PlanFactors(options.plan_factors if PLAN_FUNCTION in functions else {}, self._ask_plan)
        self._limiter = RateLimiter(options.rate_limits, self._counters, plans, self.metrics.record_rate_limited)
        self._calls = ContextCalls(health.contexts, requester, health, self.metrics, options, tracer)
        health.add_details(self._calls.document)
        self.metrics.add_families(Gauges(requester, health, self._calls, self._counters, self.cache, in_progress).collect)
        self.executions = ExecutionTotals(functions)
        self.metrics.add_families(self.executions.collect)

    def shed(self, route: Route, *, has_token: bool) -> None:
        """Raises Problem 503."""
        self._admission.shed(priority_of(route, has_token=has_token), self._in_progress())

    async def count_address(self, address: str) -> None:
        """Raises Problem 429, 503."""
        await self._limiter.count_address(address)

    def enter(self, caller: Caller | None, address: str) -> str:
        """Take a place among the requests in progress of one caller. Returns its key, for `leave`. Raises Problem 429."""
        key = str(caller.user_id) if caller else client_key(address)
        self._admission.enter(key)
        return key

    def leave(self, place: str) -> None:
        self._admission.leave(place)

    async def count(self, rate_class: RateClass, caller: Caller | None, token: str | None, address: str) -> Mapping[str, str]:
        """Count a request. Returns header fields. Raises Problem 429, 503."""
        return await self._limiter.count(rate_class, caller, token, address)

    async def call(self, route: Route, message: Message) -> Reply:
        """Send the message of a request to its function. Raises Problem 503, 504."""
        return await self._calls.request(route, message)

    async def _ask_plan(self, user_id: UUID, token: str) -> str | None:
        message = new_message(PLAN_FUNCTION, SOURCE, b"{}", self._clock.now(), correlationid=str(new_id()), token=token, actor=str(user_id))
        try:
            reply = await self._requester.request(PLAN_FUNCTION, message.headers(), message.body, PLAN_TIMEOUT_SECONDS, keep=False)
        except (BrokerUnavailable, NoReply, Unroutable):
            return None
        plan: str | None = orjson.loads(reply.body)["plan"] if reply.outcome == "done" else None
        return plan
