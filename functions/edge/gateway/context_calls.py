"""Requests to the functions of a context, behind a circuit breaker and a bulkhead of its own.

A failure is what shows that the context does not work: no reply within the deadline, or a reply with the outcome
`failed` and status 503 (its database, or another system that it needs, is away). A rejection is an answer, also with
status 503. A function that is not deployed yet and a lost connection to RabbitMQ count as neither.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from functions.edge.gateway.bulkhead import Bulkhead, Full
from functions.edge.gateway.circuit_breaker import CircuitBreaker, Open, Policy, State
from functions.edge.gateway.health import Health
from functions.edge.gateway.metrics import Metrics
from functions.edge.gateway.options import Options
from functions.edge.gateway.ports import Requester
from functions.edge.gateway.problems import NO_ANSWER, OUTCOME_UNKNOWN, UNAVAILABLE, Problem
from functions.edge.gateway.routing import Route
from functions.runtime.messaging.bus import BrokerUnavailable, NoReply, Reply, Unroutable
from functions.wire.cloudevents import Message
from functions.wire.tracing import Tracer, with_context

BUS_RETRY_SECONDS = 5
NO_REPLY_RETRY_SECONDS = 2
FULL_RETRY_SECONDS = 1

NO_REPLY, UNAVAILABLE_REPLY = "no-reply", "unavailable"
NOT_SENT, CONNECTION_LOST, CANCELLED = "not-sent", "connection-lost", "cancelled"
FAILURES = frozenset({NO_REPLY, UNAVAILABLE_REPLY})
WITHOUT_VERDICT = frozenset({NOT_SENT, CONNECTION_LOST, CANCELLED})
"""Outcomes that say nothing about the context. All others, rejections among them, show that it works."""

_log = logging.getLogger("capsule.circuits")


FAILED = FAILURES | WITHOUT_VERDICT | {"failed"}
"""Outcomes of a span with an error. A rejection is an answer."""


class NotSent(Problem):
    """RabbitMQ did not take the message."""


class NoReplyInTime(Problem):
    """RabbitMQ took the message, or may have, and no reply arrived."""


class _Guard:
    """The breaker and the bulkhead of one context."""

    def __init__(self, context: str, options: Options) -> None:
        self.breaker = CircuitBreaker(
            Policy(window_seconds=options.circuit_window_seconds, min_volume=options.circuit_min_volume, open_seconds=options.circuit_open_seconds),
            on_change=lambda state: _log_change(context, state),
        )
        self.bulkhead = Bulkhead(options.context_concurrency, options.context_queue, options.context_wait_seconds)


class ContextCalls:
    def __init__(self, contexts: Iterable[str], requester: Requester, health: Health, metrics: Metrics, options: Options, tracer: Tracer) -> None:
        self._requester = requester
        self._tracer = tracer
        self._health = health
        self._metrics = metrics
        self._guards = {context: _Guard(context, options) for context in contexts}

    async def request(self, route: Route, message: Message) -> Reply:
        """Publish the message and return its reply. Raises Problem 503, 504."""
        context = route.declaration.context
        guard = self._guards[context]
        try:
            await guard.bulkhead.enter()
        except Full as refusal:
            self._metrics.record_context_refused(context, "bulkhead")
            detail = f"The context {context} is overloaded: {refusal}. Nothing was changed."
            raise Problem(UNAVAILABLE, detail, retry_after=FULL_RETRY_SECONDS) from None
        try:
            permit = guard.breaker.admit()
        except Open as refusal:
            guard.bulkhead.leave()
            self._metrics.record_context_refused(context, "circuit")
            detail = f"The context {context} does not answer at present. Nothing was changed."
            raise Problem(UNAVAILABLE, detail, retry_after=refusal.retry_after_seconds) from None
        started = time.perf_counter()
        outcome = CANCELLED
        headers = message.headers()
        span = self._tracer.start_send(route.name, headers)
        try:
            reply = await self._send(route, with_context(headers, span), message.body)
            outcome = UNAVAILABLE_REPLY if reply.outcome == "failed" and reply.status == UNAVAILABLE.status else reply.outcome
        except NotSent:
            outcome = NOT_SENT
            raise
        except NoReplyInTime:
            outcome = NO_REPLY if self._requester.connected else CONNECTION_LOST
            raise
        finally:
            guard.bulkhead.leave()
            _record(guard.breaker, permit, outcome)
            span.end({"capsule.outcome": outcome}, outcome if outcome in FAILED else "")
            self._metrics.record_rpc(route.name, outcome, time.perf_counter() - started)
        return reply

    async def _send(self, route: Route, headers: dict[str, str], body: bytes) -> Reply:
        context = route.declaration.context
        try:
            reply = await self._requester.request(route.name, headers, body, route.declaration.deadline_seconds, keep=route.mutates)
        except BrokerUnavailable:
            raise NotSent(UNAVAILABLE, "RabbitMQ is not reachable. Nothing was changed.", retry_after=BUS_RETRY_SECONDS) from None
        except Unroutable:
            self._health.record_missing_reply(context)
            detail = f"The function {route.name} is not deployed yet. Nothing was changed."
            raise NotSent(UNAVAILABLE, detail, retry_after=BUS_RETRY_SECONDS) from None
        except NoReply:
            self._health.record_missing_reply(context)
            raise NoReplyInTime(OUTCOME_UNKNOWN if route.mutates else NO_ANSWER, retry_after=NO_REPLY_RETRY_SECONDS) from None
        self._health.record_reply(context, reply.status)
        return reply

    def states(self) -> Iterator[tuple[str, State, int, int]]:
        """Context, state of its circuit, requests in progress and waiting."""
        for context, guard in self._guards.items():
            yield context, guard.breaker.state, guard.bulkhead.in_progress, guard.bulkhead.waiting

    def document(self) -> Mapping[str, Any]:
        """The circuits for `GET /health`."""
        return {
            context: {"circuit": state, "inProgress": in_progress, "waiting": waiting, **self._retry_after(context, state)}
            for context, state, in_progress, waiting in self.states()
        }

    def _retry_after(self, context: str, state: State) -> Mapping[str, int]:
        return {"retryAfterSeconds": self._guards[context].breaker.retry_after_seconds} if state is State.OPEN else {}


def _record(breaker: CircuitBreaker, permit: int, outcome: str) -> None:
    if outcome in FAILURES:
        breaker.record_failure(permit)
    elif outcome in WITHOUT_VERDICT:
        breaker.release(permit)
    else:
        breaker.record_success(permit)


def _log_change(context: str, state: State) -> None:
    text = {
        State.OPEN: "the circuit of %s is open: requests to it get 503 until it answers again",
        State.HALF_OPEN: "the circuit of %s is half-open: a request tries whether it answers",
        State.CLOSED: "the circuit of %s is closed: it answers again",
    }[state]
    _log.warning(text, context)
