"""A browser without JavaScript, in front of a dashboard whose functions run in the in-memory Capsule."""

import asyncio
import re
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import httpx
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import request_response

from functions.auth.commands.verify_email import VerifyEmail
from functions.auth.domain.email import Email
from functions.auth.ports import Mailer, Users
from functions.edge.dashboard.dashboard import Dashboard
from functions.edge.dashboard.gateway_reports import GatewayReports
from functions.edge.gateway.options import Options
from functions.edge.gateway.routing import Table
from functions.kernel import Caller, Client, Rejection, Unauthenticated
from functions.runtime.execution import responses
from functions.runtime.messaging.bus import NoReply, Reply
from functions.runtime.operations.dead_letters import ListDeadLetters
from functions.runtime.operations.health import DatabaseHealthView, HealthMetadataView, HealthView, MemoryView, MessageBacklogView
from functions.runtime.operations.settle_dead_letters import SettleDeadLetters
from tests.capsule import Capsule, everything
from tests.dashboard.letters import MemoryLetters

HOST = "dashboard.example"
ADDRESS, PASSWORD = "ada@example.org", "correct horse battery staple"
REPOSITORY = "https://git.example.com/hello.git"
TOKEN = re.compile(r"access of (\S+) in (\S+)")


@dataclass
class MemoryTokens:
    """Verifies the readable access tokens of `tests.memory`."""

    expired: set[str] = field(default_factory=set)
    is_recent: bool = False
    """Whether the last password of every session is recent."""
    administrators: set[UUID] = field(default_factory=set)

    def verify(self, token: str, at: datetime) -> Caller:
        match = TOKEN.fullmatch(token)
        if match is None or token in self.expired:
            raise Unauthenticated("The access token has expired: refresh the session.")
        user_id = UUID(match[1])
        roles = frozenset({"user", "admin"} if user_id in self.administrators else {"user"})
        return Caller(user_id, roles, UUID(match[2]), authenticated_at=at if self.is_recent else None)


@dataclass
class MemoryGateway(GatewayReports):
    """A gateway whose circuits a test opens; None: it does not answer."""

    url: str = "http://gateway.example"
    reports: dict[str, Any] | None = None

    async def newest(self) -> dict[str, Any] | None:
        return self.reports


def closed_circuits() -> dict[str, Any]:
    return {name: {"circuit": "closed", "inProgress": 0, "waiting": 0} for name in ("auth", "billing", "deploy", "monitor")}


@dataclass
class MemoryRequester:
    """Runs the function of each message in memory. `sent`: names of the functions, in order; `ids`: of their messages.
    `failure`: raised instead of a reply."""

    capsule: Capsule
    tokens: MemoryTokens
    sent: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    failure: Exception | None = None
    connected: bool = True
    letters: MemoryLetters = field(default_factory=MemoryLetters)
    waves: int = 0
    """How often a call was sent while no other was waited for."""
    waiting: int = 0
    failing: str = ""
    """A context or a function that does not reply."""

    async def request(self, routing_key: str, headers: dict[str, str], body: bytes, timeout: float, keep: bool = True) -> Reply:
        self.waves += self.waiting == 0
        self.waiting += 1
        try:
            await asyncio.sleep(0)  # calls of one wave are sent before the first is answered
            return await self._request(routing_key, headers, body)
        finally:
            self.waiting -= 1

    async def _request(self, routing_key: str, headers: dict[str, str], body: bytes) -> Reply:
        self.sent.append(routing_key)
        self.ids.append(headers["id"])
        if routing_key == "auth.refresh":
            self.tokens.expired.clear()
        if self.failure:
            raise self.failure
        if self.failing in (routing_key, routing_key.partition(".")[0]):
            raise NoReply
        if routing_key.endswith(".health"):
            return self._health(routing_key.removesuffix(".health"))
        declaration = everything().by_name[routing_key]
        assert declaration.input is not None
        token = headers.get("token")
        caller = self.tokens.verify(token, self.capsule.clock.now()) if token else None
        request = declaration.input.model_validate_json(body)
        try:
            if isinstance(request, ListDeadLetters | SettleDeadLetters):
                output = await self.letters.call(declaration, request, caller, self.capsule.clock)
            else:
                output = await self.capsule.call(request, caller=caller, client=Client("203.0.113.7", "test"))
            await self.capsule.settle()
        except Rejection as rejection:
            refused = responses.rejected(rejection)
            return Reply(refused.outcome, refused.status, {}, refused.body)
        if output is None:
            return Reply("done", 204, {}, b"")
        done = responses.ResponseEncoder(declaration).done(output)
        return Reply("done", done.status, {}, done.body)

    def _health(self, context: str) -> Reply:
        """The reply of a context's health function, with the backlog of its dead letters."""
        backlog = MessageBacklogView(outbox=0, outbox_oldest_seconds=0.0, parked=0, dead_letters=self.letters.count_open(context))
        metadata = HealthMetadataView(
            notices=["Payments are off: CAPSULE_STRIPE_API_KEY is not set."] if context == "billing" else [],
            version="0.2.0",
            memory=MemoryView(used=40, total=512),
            database=DatabaseHealthView(connected=True, response_time=1.5),
            messages=backlog,
        )
        view = HealthView(status="healthy", service=f"{context}-service", timestamp=self.capsule.clock.now(), metadata=metadata)
        return Reply("done", 200, {}, view.model_dump_json(by_alias=True).encode())

    async def close(self) -> None:
        self.connected = False


class PlainEncryptor:
    def seal(self, context: str, secret: str) -> str:
        return secret


@dataclass
class Browser:
    """`last`: the page that was opened last."""

    capsule: Capsule = field(default_factory=Capsule)
    public_url: str = ""
    options: Options = field(default_factory=Options)
    tokens: MemoryTokens = field(default_factory=MemoryTokens)

    def __post_init__(self) -> None:
        self.requester = MemoryRequester(self.capsule, self.tokens)
        self.gateway = MemoryGateway()
        dashboard = Dashboard(
            Table(everything().declarations),
            self.requester,
            self.tokens,
            PlainEncryptor(),
            self.capsule.clock,
            self.options,
            self.public_url,
            self.gateway,
        )
        app = Starlette()
        app.router.default = request_response(dashboard.handle)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{HOST}")

    async def open(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def send(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
        """Send a form as a page of the dashboard does."""
        data = {"key": uuid4().hex, **fields}
        return await self.client.post(path, data=data, headers={"origin": f"http://{HOST}", **(headers or {})})

    async def sign_up(self, address: str = ADDRESS) -> None:
        """Sign up, and follow the link of the e-mail."""
        response = await self.send("/sign-up", email=address, password=PASSWORD)
        assert "Check your e-mail" in response.text, text_of(response)
        token = self.capsule.port(Mailer).verifications[-1][2]
        await self.capsule.call(VerifyEmail(token=SecretStr(token), password=SecretStr(PASSWORD)))
        await self.capsule.settle()

    async def sign_in(self, address: str = ADDRESS, **fields: str) -> httpx.Response:
        response = await self.send("/sign-in", email=address, password=PASSWORD, **fields)
        assert response.status_code == 303, text_of(response)
        return response

    async def become_a_user(self, address: str = ADDRESS) -> "Browser":
        await self.sign_up(address)
        await self.sign_in(address)
        return self

    def caller(self) -> Caller:
        return self.tokens.verify(self.client.cookies["capsule_access"].strip('"'), self.capsule.clock.now())

    async def become_an_administrator(self, address: str = ADDRESS) -> "Browser":
        await self.become_a_user(address)
        user = await self.capsule.port(Users).get_by_email(Email(address))
        assert user is not None
        user.grant_administrator(self.capsule.clock.now())
        await self.capsule.port(Users).save(user)
        self.tokens.administrators.add(user.id)
        return self

    def expire(self) -> None:
        """The access token's 15 minutes are over; the browser deletes its cookie only later."""
        self.tokens.expired.add(self.client.cookies["capsule_access"].strip('"'))

    async def create(self, name: str = "hello") -> str:
        """Create an application and return the path of its page."""
        response = await self.send("/new", name=name, repository=REPOSITORY)
        assert response.status_code == 303, text_of(response)
        return response.headers["location"].partition("?")[0]


def keep_cookies(browser: Browser) -> None:
    """The test speaks http; the cookies are Secure."""
    for cookie in browser.client.cookies.jar:
        cookie.secure = False


def text_of(response: httpx.Response) -> str:
    """What a person reads on a page."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text)))
