"""Handle one request from its first byte to its last: route, authenticate, check, publish, convert the reply, log.

Cheap checks that refuse most come first. The gateway reads a body only for a caller who may send one, and publishes
nothing before it has checked all that it can check.
"""

import time
from dataclasses import replace
from datetime import datetime
from functools import partial
from importlib.metadata import version

import orjson
from starlette.requests import Request

from functions.edge.gateway import deprecation, envelope, fields, parsing, responses
from functions.edge.gateway.cache.purges import Purges
from functions.edge.gateway.cors import Cors
from functions.edge.gateway.event_streams import EventStreams
from functions.edge.gateway.exchange import Exchange, end_span, headers_of, log_request
from functions.edge.gateway.forms import BoundForm
from functions.edge.gateway.health import Health
from functions.edge.gateway.options import Options
from functions.edge.gateway.pages import METRICS, PROBES, Pages
from functions.edge.gateway.ports import Encryptor, Requester, TokenVerifier
from functions.edge.gateway.problems import FAULT, NO_METHOD, NO_ROUTE, UNAVAILABLE, Problem, challenge
from functions.edge.gateway.responses import BytesResponse, ReplyConverter
from functions.edge.gateway.routing import FIELDS, Route, Table
from functions.edge.gateway.scrape import metrics_response
from functions.edge.gateway.traffic import Traffic
from functions.kernel import Caller, Client, Clock, Unauthenticated, Unavailable, new_id
from functions.runtime.config.registry import Registry
from functions.runtime.messaging.bus import Reply
from functions.runtime.serving.fault_responses import log_fault
from functions.wire.cloudevents import new_message
from functions.wire.trace_context import new_span
from functions.wire.tracing import NO_TRACER, Tracer

HEALTH_TIMEOUT_SECONDS = 10.0
MAX_FORM_BYTES = 4096
LAST_EVENT_ID = "lastEventId"
"""Field of every stream's input (`kernel.StreamRequest`)."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
UNLOGGED_PATHS = frozenset(PROBES)
"""Probes poll them without end."""


class Gateway:
    def __init__(
        self,
        registry: Registry,
        requester: Requester,
        verifier: TokenVerifier,
        encryptor: Encryptor,
        clock: Clock,
        options: Options,
        tracer: Tracer = NO_TRACER,
        table: Table | None = None,
    ) -> None:
        """`table`: the registry's routes, if they are built already."""
        self._tracer = tracer
        self._requester = requester
        self._verifier = verifier
        self._encrypt = encryptor.seal
        self._clock = clock
        self._options = options
        self._table = table or Table(registry.declarations)
        self._converter = ReplyConverter(self._table)
        self._streams = EventStreams()
        self._cors = Cors(options.cors_origins)
        contexts = [name.removesuffix(".health") for name in registry.by_name if name.endswith(".health")]
        self._health = Health(contexts, self._ask_health, lambda: requester.connected, version("capsule"), options.service)
        self._pages = Pages(registry, self._table, options.dashboard_url)
        self._parsed_without_input: dict[Route, parsing.ParsedRequest] = {}
        self._in_progress: set[str] = set()
        """Correlation ids."""
        self._traffic = Traffic(requester, self._health, clock, options, registry.by_name, lambda: len(self._in_progress), tracer)
        self.purges = Purges(self._traffic.cache, registry.declarations)

    def on_executions_counted(self, body: bytes) -> None:
        """Add what the process of a function has counted to the metrics."""
        self._traffic.executions.on_message(body)

    def drain(self) -> None:
        """End the streams, so that the server can stop."""
        self._streams.stop()

    async def close(self) -> None:
        await self._requester.close()
        await self._tracer.close()

    async def handle(self, request: Request) -> BytesResponse:
        started = time.perf_counter()
        headers = headers_of(request.scope)
        correlation_id = envelope.correlation_id(headers.get("x-request-id"), self._in_progress)
        exchange = Exchange(request, headers, request.scope["path"], request.scope["method"], correlation_id, self._clock.now())
        tracer = NO_TRACER if exchange.path in UNLOGGED_PATHS else self._tracer
        span = tracer.start_request(exchange.method, headers.get("traceparent"), headers.get("tracestate"))
        exchange.trace = span.context
        self._in_progress.add(correlation_id)
        caller: Caller | None = None
        try:
            response, caller = await self._respond(exchange)
        except Problem as problem:
            response = responses.problem_response(problem, exchange.path, correlation_id)
        except Exception as error:  # noqa: BLE001  any fault becomes a problem document for the client and a stack trace in the log
            log_fault(error, correlation_id)
            response = responses.problem_response(Problem(FAULT), exchange.path, correlation_id)
        finally:
            self._in_progress.discard(correlation_id)
        if exchange.route is not None and exchange.route.former is not None:
            response.add_all(deprecation.header_fields(exchange.route, exchange.path_values))
        duration_ms = (time.perf_counter() - started) * 1000
        self._traffic.metrics.record_request(exchange.route, exchange.method, response.status_code, duration_ms / 1000)
        end_span(span, exchange, response.status_code)
        response.raw_headers.extend(responses.security_headers(headers.get("host", ""), self._options.strict_host))
        response.raw_headers += ((b"x-request-id", correlation_id.encode()), (b"server-timing", b"total;dur=%.1f" % duration_ms))
        self._cors.add_headers(response, headers.get("origin"))
        is_logged = self._options.log_reads or response.status_code >= 400 or exchange.method not in SAFE_METHODS
        if is_logged and exchange.path not in UNLOGGED_PATHS:
            log_request(exchange, response, duration_ms, caller)
        return response

    async def _respond(self, exchange: Exchange) -> tuple[BytesResponse, Caller | None]:
        method = exchange.method
        routes, path_values = self._table.find(exchange.path)
        if not routes:
            return await self._respond_itself(exchange), None
        route = routes.get("GET" if method == "HEAD" else method)
        if route is None:
            methods = ", ".join(sorted({*routes, "OPTIONS", *(["HEAD"] if "GET" in routes else [])}))
            if method == "OPTIONS":
                return self._cors.preflight(methods), None
            raise Problem(NO_METHOD, f"{exchange.path} supports {methods}.", headers={"allow": methods})
        exchange.route, exchange.path_values = route, path_values
        envelope.refuse_preconditions(route, exchange.headers)
        authorization = exchange.headers.get("authorization")
        self._traffic.shed(route, has_token=authorization is not None)
        client = self._client(exchange)
        await self._traffic.count_address(client.address)
        token, caller = await self._authenticate(route, authorization, exchange.at)
        limit_headers = await self._traffic.count(route.declaration.rate_class, caller, token, client.address)
        place = self._traffic.enter(caller, client.address)
        try:
            parsed, selection = await self._parse(exchange, route)
            ask = partial(self._request, route, exchange, parsed, token, caller, client)
            cache_control = exchange.headers.get("cache-control", "")
            reply, cache_headers = await self._traffic.cache.answer(route, caller, parsed.body, cache_control, ask)
        finally:
            self._traffic.leave(place)
        if route.is_stream and reply.outcome == "done":
            return self._stream(exchange, parsed, exchange.path_values, reply, caller), caller
        response = self._converter.to_response(self._to_convert(exchange, route, selection), reply)
        response.add_all(limit_headers)
        response.add_all(cache_headers)
        return response, caller

    def _to_convert(self, exchange: Exchange, route: Route, selection: fields.Selection | None = None) -> responses.Request:
        query, if_none_match = exchange.request.scope["query_string"], exchange.headers.get("if-none-match")
        return responses.Request(route, exchange.path, exchange.path_values, exchange.correlation_id, query, if_none_match, selection)

    async def _parse(self, exchange: Exchange, route: Route) -> tuple[parsing.ParsedRequest, fields.Selection | None]:
        """Return the input of the function, and the fields that the client selects. Raises Problem 4xx."""
        request, headers, path_values = exchange.request, exchange.headers, exchange.path_values
        if not route.takes_body:
            raw_query = request.scope["query_string"]
            if not raw_query and not path_values and not route.is_stream:
                return self._without_input(route), None
            query = parsing.parse_query(raw_query, route.repeatable)
            if route.is_stream and "last-event-id" in headers:
                query[LAST_EVENT_ID] = headers["last-event-id"]
            selected = query.pop(FIELDS, None) if route.has_fields else None
            parsed = parsing.parse_request(route, query, path_values, self._encrypt)
            return parsed, None if selected is None else fields.parse(route, selected)
        raw = await parsing.read_body(request, self._options.body_limit)
        if route.raw is not None:
            return parsing.parse_raw_request(route, raw, headers, path_values), None
        payload = parsing.parse_json(raw, headers.get("content-type", ""), headers.get("content-encoding", ""))
        return parsing.parse_request(route, payload, path_values, self._encrypt, has_types=True), None

    def _without_input(self, route: Route) -> parsing.ParsedRequest:
        """The same for each request without a query and values in its path: it is checked once. Raises Problem 422."""
        parsed = self._parsed_without_input.get(route)
        if parsed is None:
            parsed = self._parsed_without_input[route] = parsing.parse_request(route, {}, (), self._encrypt)
        return parsed

    async def _authenticate(self, route: Route, authorization: str | None, at: datetime) -> tuple[str | None, Caller | None]:
        """Return token and caller. On a route for anyone, a bad token counts as none. Raises Problem 401, 503."""
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            if route.declaration.allow.anyone:
                return None, None
            challenge("The request has no access token.")
        try:
            return await self._verifier.verify(token, at)
        except Unauthenticated as rejection:
            if route.declaration.allow.anyone:
                return None, None
            challenge(rejection.detail, "invalid_token")
        except Unavailable as rejection:
            raise Problem(UNAVAILABLE, "Access tokens cannot be verified right now.", retry_after=rejection.retry_after or 5) from rejection

    def _client(self, exchange: Exchange) -> Client:
        peer = exchange.request.scope["client"]
        headers = exchange.headers
        return envelope.parse_client(
            peer[0] if peer else "", headers.get("x-forwarded-for", ""), headers.get("user-agent", ""), self._options.trusted_proxies
        )

    async def _request(
        self, route: Route, exchange: Exchange, parsed: parsing.ParsedRequest, token: str | None, caller: Caller | None, client: Client
    ) -> Reply:
        """Publish the request's message and wait for the reply. Raises Problem 400, 503, 504."""
        headers = exchange.headers
        exchange.trace = exchange.trace or new_span(headers.get("traceparent"), headers.get("tracestate"))
        message = envelope.build_message(
            route,
            parsed,
            id=envelope.message_id(route, caller, headers.get("idempotency-key")),
            correlation_id=exchange.correlation_id,
            at=exchange.at,
            token=token,
            caller=caller,
            client=client,
            trace=exchange.trace,
        )
        return await self._traffic.call(route, message)

    def _stream(
        self, exchange: Exchange, first: parsing.ParsedRequest, path_values: tuple[str, ...], reply: Reply, caller: Caller | None
    ) -> BytesResponse:
        """Respond with a stream that begins with the first reply. Raises Problem 429, 503."""
        route, authorization, client = exchange.route, exchange.headers.get("authorization"), self._client(exchange)
        assert route is not None

        async def ask(last_id: str | None) -> Reply:
            token, current = await self._authenticate(route, authorization, self._clock.now())
            payload = {} if last_id is None else {LAST_EVENT_ID: last_id}
            parsed = parsing.parse_request(route, payload, path_values, self._encrypt)
            question = replace(exchange, correlation_id=str(new_id()), at=self._clock.now())
            return await self._request(route, question, parsed, token, current, client)

        def document_of(refusal: Problem | Reply) -> bytes:
            return bytes(responses.refusal(refusal, exchange.path, exchange.correlation_id).body)

        last_id = orjson.loads(first.body).get(LAST_EVENT_ID)
        return self._streams.response(last_id, reply, ask, str(caller.user_id) if caller else client.address, document_of)

    async def _ask_health(self, context: str) -> Reply:
        message = new_message(f"{context}.health", envelope.SOURCE, b"{}", self._clock.now(), correlationid=str(new_id()))
        return await self._requester.request(message.type, message.headers(), message.body, HEALTH_TIMEOUT_SECONDS)

    async def _respond_itself(self, exchange: Exchange) -> BytesResponse:
        """Respond to paths that no function has: probes, pages, forms."""
        request, path, method = exchange.request, exchange.path, exchange.method
        supported = [*(["GET", "HEAD"] if self._pages.has(path) else []), *(["POST"] if path in self._pages.forms else [])]
        if not supported:
            raise Problem(NO_ROUTE, f"There is nothing at {path}.")
        methods = ", ".join(sorted([*supported, "OPTIONS"]))
        if method == "OPTIONS":
            return self._cors.preflight(methods)
        if method not in supported:
            raise Problem(NO_METHOD, f"{path} supports {methods}.", headers={"allow": methods})
        if method == "POST":
            return await self._handle_form(exchange, self._pages.forms[path])
        if path in ("/livez", "/healthz"):
            return responses.json_response({"status": "pass"})
        if path == "/readyz":
            is_ready = self._requester.connected
            return responses.json_response({"status": "pass" if is_ready else "fail", "bus": {"connected": is_ready}}, 200 if is_ready else 503)
        if path == "/health":
            status, document = await self._health.report("fresh" in request.query_params)
            return responses.json_response(document, status)
        if path == METRICS:
            return metrics_response(self._traffic.metrics, self._options, request)
        return self._pages.response(path, request.query_params, exchange.headers)

    async def _handle_form(self, exchange: Exchange, bound: BoundForm) -> BytesResponse:
        """Handle a form: the same command as in the API, its response as a page."""
        route = bound.route
        client = self._client(exchange)
        exchange.route = route
        self._traffic.shed(route, has_token=False)
        limit_headers = await self._traffic.count(route.declaration.rate_class, None, None, client.address)
        raw = await parsing.read_body(exchange.request, MAX_FORM_BYTES)
        try:
            parsed = parsing.parse_request(route, parsing.parse_query(raw, frozenset()), (), self._encrypt)
            reply = await self._request(route, exchange, parsed, None, None, client)
            response = self._converter.to_response(self._to_convert(exchange, route), reply)
        except Problem as problem:
            response = responses.problem_response(problem, exchange.path, exchange.correlation_id)
        page = self._pages.form_result(bound, response)
        page.add_all(limit_headers)
        return page
