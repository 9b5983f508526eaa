"""One request from its first byte to its last: routed, authenticated, checked, asked, answered, logged.

The order matters: what is cheap and refuses most comes first, the body is read only for a caller who may send one, and nothing is published
before everything that the gateway can know has been checked.
"""

import sys
import time
import traceback
from datetime import datetime
from importlib.metadata import version
from typing import Protocol

import orjson
from starlette.requests import Request

from functions.edge.gateway import envelope, intake, responses
from functions.edge.gateway.cors import Cors
from functions.edge.gateway.health import Health
from functions.edge.gateway.options import Options
from functions.edge.gateway.pages import Pages
from functions.edge.gateway.problems import FAULT, NO_ANSWER, NO_METHOD, NO_ROUTE, OUTCOME_UNKNOWN, UNAVAILABLE, Problem, challenge
from functions.edge.gateway.responses import Answer, Replies
from functions.edge.gateway.routing import Route, Table
from functions.edge.gateway.throttle import Throttle, tell
from functions.kernel import Caller, Client, Clock, Unauthenticated, Unavailable, new_id
from functions.runtime.config.clock import SystemClock
from functions.runtime.config.registry import Registry
from functions.runtime.config.settings import Settings
from functions.runtime.messaging.bus import BrokerUnavailable, Bus, NoReply, Reply, Unroutable
from functions.runtime.security.encryption import Sealer
from functions.runtime.security.tokens import AccessTokens
from functions.wire.cloudevents import new_message, stamp

HEALTH_DEADLINE = 10.0
READS = frozenset({"GET", "HEAD", "OPTIONS"})
PROBES = frozenset({"/livez", "/readyz", "/health", "/healthz"})  # asked for ever: not logged


class Asks(Protocol):
    """What the gateway needs of the bus."""

    @property
    def connected(self) -> bool: ...

    async def request(self, routing_key: str, headers: dict[str, str], body: bytes, timeout: float, keep: bool = True) -> Reply: ...

    async def close(self) -> None: ...


class Verifies(Protocol):
    def verify(self, token: str, at: datetime) -> Caller:
        """Raises Unauthenticated."""
        ...


class Seals(Protocol):
    def seal(self, context: str, secret: str) -> str: ...


class Gateway:
    def __init__(self, registry: Registry, bus: Asks, tokens: Verifies, sealer: Seals, clock: Clock, options: Options) -> None:
        self._bus = bus
        self._tokens = tokens
        self._seal = sealer.seal
        self._clock = clock
        self._options = options
        self._table = Table(registry.declarations)
        self._replies = Replies(self._table)
        self._throttle = Throttle(options.anonymous_mutations)
        self._cors = Cors(options.cors_origins)
        contexts = [name.removesuffix(".health") for name in registry.by_name if name.endswith(".health")]
        self._health = Health(contexts, self._ask_health, lambda: bus.connected, version("capsule"), options.service)
        self._pages = Pages(registry, self._table)
        self._under_way: dict[str, None] = {}

    async def close(self) -> None:
        await self._bus.close()

    async def handle(self, request: Request) -> Answer:
        began = time.perf_counter()
        at = self._clock.now()
        headers = request.headers
        correlation = envelope.correlation_id(headers.get("x-request-id"), self._under_way)
        self._under_way[correlation] = None
        path: str = request.scope["path"]
        caller: Caller | None = None
        try:
            answer, caller = await self._answer(request, path, correlation, at)
        except Problem as problem:
            answer = responses.of_problem(problem, path, correlation)
        except Exception as error:  # noqa: BLE001  whatever it is, a client gets a problem document and we get the trace
            _log_fault(error, correlation)
            answer = responses.of_problem(Problem(FAULT), path, correlation)
        finally:
            del self._under_way[correlation]
        ms = (time.perf_counter() - began) * 1000
        answer.raw_headers.extend(responses.SECURITY)
        answer.add("x-request-id", correlation)
        answer.add("server-timing", f"total;dur={ms:.1f}")
        self._cors.allow(answer, headers.get("origin"))
        if path not in PROBES and (self._options.log_reads or answer.status_code >= 400 or request.method not in READS):
            _log_request(at, request.method, path, answer.status_code, ms, correlation, caller)
        return answer

    async def _answer(self, request: Request, path: str, correlation: str, at: datetime) -> tuple[Answer, Caller | None]:
        method: str = request.scope["method"]
        methods, values = self._table.find(path)
        if not methods:
            return await self._own(request, path, method, correlation, at)
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            allowed = ", ".join(sorted({*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])}))
            if method == "OPTIONS":
                return self._cors.preflight(allowed), None
            raise Problem(NO_METHOD, f"This path takes {allowed}.", headers={"allow": allowed})
        token, caller = self._authenticate(route, request.headers.get("authorization"), at)
        if len(self._under_way) > self._options.concurrency:
            raise Problem(UNAVAILABLE, "Too many requests are under way; nothing was done.", retry_after=1)
        client = self._client(request)
        limits = await self._throttle.pass_or_refuse(client.address) if caller is None and route.mutates else {}
        if route.takes_body:
            raw = await intake.read_body(request, self._options.body_limit, self._options.body_seconds)
        if route.takes_body and route.raw is not None:
            taken = intake.take_raw(route, raw, request.headers, values)
        elif route.takes_body:
            given = intake.parse_json(raw, request.headers.get("content-type", ""), request.headers.get("content-encoding", ""))
            taken = intake.take(route, given, values, self._seal)
        else:
            taken = intake.take(route, intake.parse_query(request.scope["query_string"], route.many), values, self._seal)
        reply = await self._ask(route, request, taken, token, caller, client, correlation, at)
        answer = self._replies.answer(route, reply, values, request.headers.get("if-none-match"), path, correlation)
        tell(answer, limits)
        return answer, caller

    def _authenticate(self, route: Route, authorization: str | None, at: datetime) -> tuple[str | None, Caller | None]:
        """At an open door a stale token is no reason to turn anybody away: he is nobody in particular. Raises Problem 401, 503."""
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            if route.declaration.allow.anyone:
                return None, None
            challenge("The request carries no access token.")
        try:
            return token, self._tokens.verify(token, at)
        except Unauthenticated as no:
            if route.declaration.allow.anyone:
                return None, None
            challenge(no.detail, "invalid_token")
        except Unavailable as no:
            raise Problem(UNAVAILABLE, "Access tokens cannot be verified right now.", retry_after=no.retry_after or 5) from no

    def _client(self, request: Request) -> Client:
        peer = request.scope["client"]
        headers = request.headers
        return envelope.client_of(
            peer[0] if peer else "", headers.get("x-forwarded-for", ""), headers.get("user-agent", ""), self._options.trusted_proxies
        )

    async def _ask(
        self,
        route: Route,
        request: Request,
        taken: intake.Intake,
        token: str | None,
        caller: Caller | None,
        client: Client,
        correlation: str,
        at: datetime,
    ) -> Reply:
        """Raises Problem 400, 503, 504."""
        received = request.headers
        headers = envelope.headers_of(
            route,
            id=envelope.message_id(route, caller, received.get("idempotency-key")),
            correlation=correlation,
            at=at,
            token=token,
            caller=caller,
            client=client,
            traced=envelope.trace(received.get("traceparent"), received.get("tracestate")),
            fingerprint=taken.fingerprint,
        )
        context = route.declaration.context
        try:
            reply = await self._bus.request(route.name, headers, taken.body, route.declaration.deadline_seconds, keep=route.mutates)
        except BrokerUnavailable:
            raise Problem(UNAVAILABLE, "The message broker is away; nothing was done.", retry_after=5) from None
        except Unroutable:
            self._health.silent(context)
            raise Problem(UNAVAILABLE, f"Nothing answers to {route.name} yet; nothing was done.", retry_after=5) from None
        except NoReply:
            self._health.silent(context)
            raise Problem(OUTCOME_UNKNOWN if route.mutates else NO_ANSWER, retry_after=2) from None
        self._health.answered(context)
        return reply

    async def _ask_health(self, context: str) -> Reply:
        message = new_message(f"{context}.health", envelope.SOURCE, b"{}", self._clock.now(), correlationid=str(new_id()))
        return await self._bus.request(message.type, message.headers(), message.body, HEALTH_DEADLINE)

    async def _own(self, request: Request, path: str, method: str, correlation: str, at: datetime) -> tuple[Answer, Caller | None]:
        """What the gateway answers by itself."""
        if path == "/verify" and method == "POST":
            return await self._verify(request, correlation, at)
        if not self._pages.has(path):
            raise Problem(NO_ROUTE, f"There is nothing at {path}.")
        if method == "OPTIONS":
            return self._cors.preflight("GET, HEAD, OPTIONS"), None
        if method not in ("GET", "HEAD"):
            raise Problem(NO_METHOD, "This path takes GET, HEAD.", headers={"allow": "GET, HEAD, OPTIONS"})
        if path in ("/livez", "/healthz"):
            return responses.json_answer({"status": "pass"}), None
        if path == "/readyz":
            ready = self._bus.connected
            return responses.json_answer({"status": "pass" if ready else "fail", "bus": {"connected": ready}}, 200 if ready else 503), None
        if path == "/health":
            status, document = await self._health.report("fresh" in request.query_params)
            return responses.json_answer(document, status), None
        return self._pages.answer(path, request.query_params, request.headers), None

    async def _verify(self, request: Request, correlation: str, at: datetime) -> tuple[Answer, Caller | None]:
        """The form behind the link in a mail: the same request as a client of the API would make, its answer as a page."""
        route = self._pages.verification
        if route is None:
            raise Problem(NO_ROUTE)
        client = self._client(request)
        limits = await self._throttle.pass_or_refuse(client.address)
        form = intake.parse_query(await intake.read_body(request, 4096, self._options.body_seconds), frozenset())
        try:
            reply = await self._ask(route, request, intake.take(route, form, (), self._seal), None, None, client, correlation, at)
            answer = self._pages.verified(self._replies.answer(route, reply, (), None, request.scope["path"], correlation))
        except Problem as problem:
            answer = self._pages.verified(responses.of_problem(problem, request.scope["path"], correlation))
        tell(answer, limits)
        return answer, None


def _log_request(at: datetime, method: str, path: str, status: int, ms: float, correlation: str, caller: Caller | None) -> None:
    """The line that a request's timeline begins with. No query string: it may hold what is nobody's business."""
    line = {
        "log": "request",
        "at": stamp(at),
        "method": method,
        "path": path,
        "status": status,
        "ms": round(ms, 2),
        "correlation": correlation,
        "actor": str(caller.user_id) if caller else None,
    }
    sys.stderr.buffer.write(orjson.dumps(line) + b"\n")
    sys.stderr.buffer.flush()


def _log_fault(error: Exception, correlation: str) -> None:
    line = {"log": "fault", "correlation": correlation, "error": type(error).__name__, "stack": "".join(traceback.format_exception(error))[-8000:]}
    sys.stderr.buffer.write(orjson.dumps(line) + b"\n")
    sys.stderr.buffer.flush()


async def open_edge(settings: Settings, clock: Clock | None = None) -> Gateway:
    """The gateway over RabbitMQ; it connects in the background and answers 503 until it has."""
    bus = Bus(settings.text("CAPSULE_AMQP_URL"), name="edge.gateway", timeout_seconds=2.0, replies=True)
    bus.open()
    return Gateway(Registry.load(), bus, AccessTokens(settings), Sealer(settings), clock or SystemClock(), Options.read(settings))
