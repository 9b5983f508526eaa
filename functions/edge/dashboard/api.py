"""Call functions with the visitor's token, as the gateway does for clients of the API."""

from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import orjson

from functions.edge.dashboard.gateway_reports import GatewayReports
from functions.edge.gateway import envelope, parsing
from functions.edge.gateway.health import Health
from functions.edge.gateway.ports import Encryptor, Requester
from functions.edge.gateway.problems import FAULT, NO_ANSWER, OUTCOME_UNKNOWN, UNAVAILABLE, Problem
from functions.edge.gateway.rates.limiter import RateLimiter
from functions.edge.gateway.routing import Route, Table
from functions.kernel import Caller, Client, Clock, new_id
from functions.runtime.messaging.bus import BrokerUnavailable, NoReply, Reply, Unroutable
from functions.wire.cloudevents import new_message
from functions.wire.trace_context import new_span

Json = dict[str, Any]
HEALTH_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who calls, and from where. Without a token: somebody who has not signed in."""

    client: Client
    token: str | None = None
    caller: Caller | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """A file that a function returned."""

    name: str
    media_type: str
    content: bytes


class ApiProblem(Exception):
    """A function or the platform refused a call. `faults`: a sentence for each field, named by its JSON pointer.
    `challenge`: of a sign-in that needs a code."""

    def __init__(self, status: int, title: str, detail: str, slug: str = "", faults: Sequence[tuple[str, str]] = (), challenge: str = "") -> None:
        super().__init__(detail or title)
        self.status = status
        self.title = title
        self.detail = detail
        self.slug = slug
        self.faults = tuple(faults)
        self.challenge = challenge

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "ApiProblem":
        """Return the exception of a problem document (RFC 9457)."""
        faults = [(str(each.get("pointer", "")), str(each.get("detail", ""))) for each in document.get("errors") or ()]
        slug = str(document.get("type", "")).rsplit("/", 1)[-1]
        title, detail = str(document.get("title", "Error")), str(document.get("detail", ""))
        return cls(int(document.get("status", 500)), title, detail, slug, faults, str(document.get("challenge", "")))


class Api:
    """`limiter`: counts calls of visitors who have not signed in, by address, as the gateway does."""

    def __init__(self, table: Table, requester: Requester, encryptor: Encryptor, clock: Clock, limiter: RateLimiter, gateway: GatewayReports) -> None:
        self._routes: Mapping[str, Route] = {route.name: route for route in table.routes if route.former is None}
        self._requester = requester
        self._encrypt = encryptor.seal
        self._clock = clock
        self._limiter = limiter
        self.gateway = gateway
        contexts = sorted({route.declaration.context for route in table.routes})
        self.health = Health(contexts, self._ask_health, lambda: requester.connected, version("capsule"), "capsule-dashboard")

    async def call(self, function: str, visitor: Visitor, fields: Mapping[str, Any], key: str | None = None) -> Any:
        """Call a function that has a route and return its result; None for an empty one. `key`: makes a repeated command take effect once.

        Raises ApiProblem.
        """
        reply = await self._reply(self._routes[function], visitor, fields, key)
        return orjson.loads(reply.body) if reply.body else None

    async def download(self, function: str, visitor: Visitor, fields: Mapping[str, Any]) -> Download:
        """Return the file of a query that has one. Raises ApiProblem."""
        route = self._routes[function]
        document = orjson.loads((await self._reply(route, visitor, fields, None)).body)
        return Download(document["name"], route.media_type or "application/octet-stream", urlsafe_b64decode(document["content"]))

    async def _reply(self, route: Route, visitor: Visitor, fields: Mapping[str, Any], key: str | None) -> Reply:
        now = self._clock.now()
        path_values = [str(fields[name]) for name in route.path_names]
        payload = {name: value for name, value in fields.items() if name not in route.path_names and (value is not None or route.takes_body)}
        try:
            if visitor.caller is None:
                await self._limiter.count(route.declaration.rate_class, None, None, visitor.client.address)
            parsed = parsing.parse_request(route, payload, path_values, self._encrypt)
            message = envelope.build_message(
                route,
                parsed,
                id=envelope.message_id(route, visitor.caller, key),
                correlation_id=str(new_id()),
                at=now,
                token=visitor.token,
                caller=visitor.caller,
                client=visitor.client,
                trace=new_span(None, None),
            )
            reply = await self._send(route, message.headers(), message.body)
        except Problem as problem:
            raise ApiProblem.of(orjson.loads(problem.document("", ""))) from None
        if reply.outcome != "done":
            raise ApiProblem.of({"status": reply.status, **_members(reply.body)})
        return reply

    async def _ask_health(self, context: str) -> Reply:
        """Ask a context as the gateway does for `GET /health`. Raises BrokerUnavailable, Unroutable, NoReply."""
        message = new_message(f"{context}.health", envelope.SOURCE, b"{}", self._clock.now(), correlationid=str(new_id()))
        return await self._requester.request(f"{context}.health", message.headers(), message.body, HEALTH_TIMEOUT_SECONDS, keep=False)

    async def _send(self, route: Route, headers: dict[str, str], body: bytes) -> Reply:
        """Raises Problem 503, 504."""
        try:
            return await self._requester.request(route.name, headers, body, route.declaration.deadline_seconds, keep=route.mutates)
        except BrokerUnavailable:
            raise Problem(UNAVAILABLE, "RabbitMQ is not reachable. Nothing was changed.") from None
        except Unroutable:
            raise Problem(UNAVAILABLE, f"The function {route.name} is not deployed yet. Nothing was changed.") from None
        except NoReply:
            raise Problem(OUTCOME_UNKNOWN if route.mutates else NO_ANSWER) from None


def _members(body: bytes) -> Json:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    return document if isinstance(document, dict) else orjson.loads(Problem(FAULT).document("", ""))
