"""Handle one request: find its page, sign the visitor in from the cookies, keep the session fresh, show what went wrong."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from functions.edge.dashboard import cookies, formats
from functions.edge.dashboard.api import Api, ApiProblem, Visitor
from functions.edge.dashboard.gateway_reports import GatewayReports
from functions.edge.dashboard.pages import PAGES, Page
from functions.edge.dashboard.visit import Visit
from functions.edge.gateway import envelope
from functions.edge.gateway.ended_sessions import Verifier
from functions.edge.gateway.installed import installed_table
from functions.edge.gateway.options import Options
from functions.edge.gateway.ports import Encryptor, Requester
from functions.edge.gateway.problems import TOO_MANY
from functions.edge.gateway.rates.counters import open_counters
from functions.edge.gateway.rates.limiter import RateLimiter
from functions.edge.gateway.routing import Table
from functions.kernel import Client, Clock, Unauthenticated, Unavailable
from functions.runtime.config.clock import SystemClock
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import AMQP_URL, DASHBOARD_URL
from functions.runtime.messaging.bus import Bus
from functions.runtime.security.encryption import Sealer
from functions.runtime.security.tokens import AccessTokens
from functions.wire.strict_transport import HSTS, is_for_host, strict_host

STATIC = Path(__file__).parent / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
SECURITY = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "private, no-store",
}
SIGN_IN = "/sign-in"
FAULT = ApiProblem(500, "Internal error", "The page failed because of an error in Capsule. It is logged.")
NOTHING_HERE = ApiProblem(404, "There is nothing at this address", "Check the address, or start from the list of applications.")
WRONG_METHOD = ApiProblem(405, "The address does not support this method", "Open the page again and use its links and forms.")

_log = logging.getLogger("capsule.dashboard")


class Dashboard:
    def __init__(
        self,
        table: Table,
        requester: Requester,
        tokens: Verifier,
        encryptor: Encryptor,
        clock: Clock,
        options: Options,
        public_url: str = "",
        gateway: GatewayReports | None = None,
    ) -> None:
        """`gateway`: default is the one at its default address."""
        self._requester = requester
        self._tokens = tokens
        self._clock = clock
        self._options = options
        self._is_secure = public_url.startswith("https://")
        self._strict_host = strict_host(public_url)
        limiter = RateLimiter(options.rate_limits, open_counters(options.redis_url, is_fail_open=options.is_rate_limit_fail_open))
        self._api = Api(table, requester, encryptor, clock, limiter, gateway or GatewayReports.of(Settings({})))
        self._templates = TEMPLATES
        self._refreshes: dict[bytes, asyncio.Task[cookies.Tokens]] = {}
        """Refreshes that run now, by the hash of their token: pages that load at the same time share one."""
        self._app = Starlette(
            routes=[
                Route("/readyz", self._ready),
                Mount("/static", _without_ranges(StaticFiles(directory=STATIC))),
                *(Route(page.path, self._endpoint(page), methods=[page.method]) for page in PAGES),
            ],
            exception_handlers={404: self._not_found, 405: self._wrong_method},
        )

    async def handle(self, request: Request) -> Starlette:
        """The application is the response: it is called with the request's scope."""
        return self._app

    async def close(self) -> None:
        await self._requester.close()

    async def _ready(self, request: Request) -> Response:
        is_ready = self._requester.connected
        return JSONResponse({"status": "pass" if is_ready else "fail"}, 200 if is_ready else 503)

    def _endpoint(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            visit, begun = (
                Visit(request, self._api, Visitor(self._client(request)), self._templates, self._clock.now(), self._is_secure),
                time.perf_counter(),
            )
            try:
                if request.method == "POST" and not cookies.is_same_origin(request):
                    raise ApiProblem(403, "This form was not sent by the dashboard", "Open the page again and send the form from there.")
                response = await self._respond(page, visit)
            except ApiProblem as problem:
                response = self._problem_page(visit, problem)
            except Exception:  # noqa: BLE001  any fault becomes a page for the visitor and a stack trace in the log
                _log.exception("the page %s failed", page.path)
                response = self._problem_page(visit, FAULT)
            total_ms = (time.perf_counter() - begun) * 1000
            response.headers["server-timing"] = f"functions;dur={visit.waited_seconds * 1000:.1f}, total;dur={total_ms:.1f}"
            return self._complete(visit, response)

        return respond

    async def _respond(self, page: Page, visit: Visit) -> Response:
        """Raises ApiProblem."""
        await self._sign_in(visit)
        if page.is_for_members and not visit.is_signed_in:
            return self._to_sign_in(visit)
        try:
            return await page.handler(visit)
        except ApiProblem as problem:
            if problem.status == 422 and page.method == "GET":
                raise NOTHING_HERE from None  # an id in the address is none
            if problem.status != 401 or not page.is_for_members:
                raise
            visit.has_signed_out = True  # the session has ended elsewhere
            return self._to_sign_in(visit)

    def _to_sign_in(self, visit: Visit) -> Response:
        if visit.request.method != "GET" or visit.path == "/":
            return visit.redirect(SIGN_IN)
        query = visit.request.scope["query_string"].decode("latin-1")
        return visit.redirect(SIGN_IN, next=f"{visit.path}?{query}" if query else visit.path)

    async def _sign_in(self, visit: Visit) -> None:
        """Take the session from the cookies, refreshing it when its access token has expired. Raises ApiProblem 429, 503."""
        access, refresh = (visit.cookie(name) for name in (cookies.ACCESS, cookies.REFRESH))
        is_valid = bool(access) and self._use(visit, access)
        if refresh and not is_valid:
            await self._refresh(visit, refresh)

    def _use(self, visit: Visit, token: str) -> bool:
        """Whether the access token is valid. Raises ApiProblem 503."""
        try:
            caller = self._tokens.verify(token, self._clock.now())
        except Unauthenticated:
            return False
        except Unavailable as error:
            raise ApiProblem(503, "Temporarily unavailable", "Access tokens cannot be verified right now. Try again in a few seconds.") from error
        visit.visitor = Visitor(visit.visitor.client, token, caller)
        return True

    async def _refresh(self, visit: Visit, token: str) -> None:
        """Raises ApiProblem 429, 503 or 504, which keep the session. A session that has ended leaves the visitor signed out."""
        digest = sha256(token.encode()).digest()
        running = self._refreshes.get(digest)
        if running is None:
            running = self._refreshes[digest] = asyncio.create_task(self._exchange(visit.visitor, token))
            running.add_done_callback(lambda _: self._refreshes.pop(digest, None))
        try:
            tokens = await asyncio.shield(running)
        except ApiProblem as problem:
            if problem.status >= 500 or problem.slug == TOO_MANY.slug:
                raise
            visit.has_signed_out = True
            return
        if self._use(visit, tokens.access):
            visit.new_tokens = tokens

    async def _exchange(self, visitor: Visitor, token: str) -> cookies.Tokens:
        return cookies.Tokens.of(await self._api.call("auth.refresh", visitor, {"refreshToken": token}))

    def _client(self, request: Request) -> Client:
        peer = request.client.host if request.client else ""
        headers = request.headers
        return envelope.parse_client(peer, headers.get("x-forwarded-for", ""), headers.get("user-agent", ""), self._options.trusted_proxies)

    def _complete(self, visit: Visit, response: Response) -> Response:
        for name, value in SECURITY.items():
            response.headers.setdefault(name, value)
        if is_for_host(visit.request.headers.get("host", ""), self._strict_host):
            response.headers["strict-transport-security"] = HSTS
        cookies.set_short_lived(response, visit.cookies, is_secure=self._is_secure)
        if visit.is_signed_in and visit.query("team"):
            cookies.set_team(response, visit.team_id, is_secure=self._is_secure)
        if visit.has_signed_out:
            cookies.delete_tokens(response, is_secure=self._is_secure)
        elif visit.new_tokens is not None:
            cookies.set_tokens(response, visit.new_tokens, is_secure=self._is_secure)
        return response

    def _problem_page(self, visit: Visit, problem: ApiProblem) -> Response:
        return visit.render("problem.html", problem.status, problem=problem)

    async def _not_found(self, request: Request, error: Exception) -> Response:
        return await self._outside_of_pages(request, NOTHING_HERE)

    async def _wrong_method(self, request: Request, error: Exception) -> Response:
        """RFC 9110 section 15.5.6: the response lists the methods."""
        response = await self._outside_of_pages(request, WRONG_METHOD)
        response.headers["allow"] = ", ".join(sorted(self._methods(request.scope["path"])))
        return response

    async def _outside_of_pages(self, request: Request, problem: ApiProblem) -> Response:
        visit = Visit(request, self._api, Visitor(self._client(request)), self._templates, self._clock.now(), self._is_secure)
        with suppress(ApiProblem):  # the page is the same without a session, except for its navigation
            await self._sign_in(visit)
        return self._complete(visit, self._problem_page(visit, problem))

    def _methods(self, path: str) -> set[str]:
        """The methods that a path supports."""
        scope = {"type": "http", "path": path, "root_path": "", "method": "GET", "headers": []}
        matching = [route for route in self._app.routes if route.matches(scope)[0] is not Match.NONE]
        return set().union(*(getattr(route, "methods", None) or {"GET", "HEAD"} for route in matching))


def _without_ranges(app: ASGIApp) -> ASGIApp:
    """Serve whole files, as RFC 9110 section 14.2 allows: they are small, and Starlette answers an odd Range in plain text."""

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"range"]}, receive, send)

    return respond


FIRST_TEMPLATES = (
    "base.html",
    "parts.html",
    "done.html",
    "shortcuts_table.html",
    "home.html",
    "overview.html",
    "deployment_table.html",
    "sign_in.html",
)


def _environment() -> Environment:
    """Return the templates, of which it compiles those that most visits need: 30 ms of the first page, for a fork of a process that imports this."""
    environment = Environment(
        loader=PackageLoader("functions.edge.dashboard"), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters.update(formats.FILTERS)
    environment.globals.update(formats.FUNCTIONS, version=version("capsule"))
    for name in FIRST_TEMPLATES:
        environment.get_template(name)
    return environment


TEMPLATES = _environment()


async def open_edge(settings: Settings, clock: Clock | None = None) -> Dashboard:
    """Open the dashboard. It connects to RabbitMQ in the background and is ready when it is connected."""
    bus = Bus(settings.following(AMQP_URL), name="edge.dashboard", timeout_seconds=2.0, replies=True)
    bus.open()
    return Dashboard(
        installed_table(),
        bus,
        AccessTokens(settings),
        Sealer(settings),
        clock or SystemClock(),
        Options.read(settings),
        settings.value(DASHBOARD_URL),
        GatewayReports.of(settings),
    )
