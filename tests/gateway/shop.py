"""A small context for tests, and a gateway in front of a bus with scripted replies."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar
from uuid import UUID

import httpx
import orjson
from pydantic import Field, SecretStr
from starlette.applications import Starlette
from starlette.routing import Route as StarletteRoute

from functions.edge.gateway.gateway import Gateway
from functions.edge.gateway.options import Options
from functions.kernel import (
    ADMIN,
    ANYONE,
    Caller,
    Conflict,
    Declaration,
    Done,
    File,
    Model,
    RawRequest,
    Unauthenticated,
    command,
    query,
)
from functions.kernel.decorators import declarations_of
from functions.runtime.config.registry import Registry
from functions.runtime.messaging.bus import Reply
from functions.wire.tracing import NO_TRACER, Tracer

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
USER = UUID("0190f0a0-0000-7000-8000-000000000001")
TOKEN = "good-token"


class SoldOut(Conflict):
    """The last one is gone."""


class PlaceOrder(Model):
    item: Annotated[str, Field(min_length=2, max_length=20)]
    count: int = Field(default=1, ge=1, le=9)
    tags: list[str] = Field(default_factory=list)


class Order(Model):
    order_id: UUID
    item: str


class FindOrder(Model):
    order_id: UUID


class FindOrders(Model):
    limit: int = Field(default=20, ge=1, le=100)
    item: list[str] = Field(default_factory=list)


class ChangeOrder(Model):
    order_id: UUID
    count: int


class SignIn(Model):
    name: str
    password: SecretStr


class VerifyEmail(Model):
    token: SecretStr
    password: SecretStr


class ResendVerification(Model):
    email: str


class Nothing(Model):
    pass


class Keys(Model):
    keys: list[str]


class StatusView(Model):
    status: str


class ParcelEvent(RawRequest):
    order_id: UUID
    x_parcel_signature: str
    x_parcel_hint: str = ""


class Receipt(File):
    media_type: ClassVar[str] = "application/pdf"


@command(http="POST /v1/orders", status=201, rejects=[SoldOut])
async def place_order(request: PlaceOrder, caller: Caller) -> Done[Order]:
    """Place an order."""
    raise NotImplementedError


@command(http="PATCH /v1/orders/{order_id}")
async def change_order(request: ChangeOrder, caller: Caller) -> Done[Order]:
    raise NotImplementedError


@command(http="DELETE /v1/orders/{order_id}", status=204)
async def cancel_order(request: FindOrder, caller: Caller) -> Done[None]:
    raise NotImplementedError


@query(http="GET /v1/orders/{order_id}")
async def order(request: FindOrder, caller: Caller) -> Order:
    raise NotImplementedError


@query(http="GET /v1/orders/latest")
async def latest_order(request: Nothing, caller: Caller) -> Order:
    raise NotImplementedError


@query(http="GET /v1/orders")
async def orders(request: FindOrders, caller: Caller) -> list[Order]:
    raise NotImplementedError


@query(http="GET /v1/audit", allow=ADMIN)
async def audit(request: Nothing, caller: Caller) -> StatusView:
    raise NotImplementedError


@command(http="POST /v1/sign-ins", allow=ANYONE)
async def sign_in(request: SignIn) -> Done[StatusView]:
    raise NotImplementedError


@command(http="POST /v1/users/verify", allow=ANYONE, rejects=[SoldOut])
async def verify_email(request: VerifyEmail) -> Done[StatusView]:
    raise NotImplementedError


@command(http="POST /v1/users/verification-emails", status=202, allow=ANYONE)
async def resend_verification(request: ResendVerification) -> Done[StatusView]:
    raise NotImplementedError


@query(http="GET /.well-known/keys.json", allow=ANYONE)
async def keys(request: Nothing) -> Keys:
    raise NotImplementedError


@command(http="POST /v1/orders/{order_id}/parcel", status=204, allow=ANYONE)
async def handle_parcel_event(request: ParcelEvent) -> Done[None]:
    raise NotImplementedError


@query(http="GET /v1/orders/{order_id}/receipt")
async def receipt(request: FindOrder, caller: Caller) -> Receipt:
    raise NotImplementedError


@query(allow=ANYONE)
async def health(request: Nothing) -> StatusView:
    raise NotImplementedError


def declarations() -> tuple[Declaration, ...]:
    """Return the declarations as if each had a file of its own under functions/shop."""
    found: list[Declaration] = []
    handlers = (place_order, change_order, cancel_order, order, latest_order, orders, audit, sign_in, verify_email, keys, health)
    for handler in (*handlers, resend_verification, handle_parcel_event, receipt):
        handler.__module__ = f"functions.shop.commands.{handler.__name__}"
        found.extend(declarations_of(handler))
    return tuple(found)


@dataclass
class SentMessage:
    routing_key: str
    headers: Mapping[str, str]
    body: bytes
    timeout: float

    @property
    def input(self) -> Any:
        return orjson.loads(self.body)


def done(output: Any, status: int = 200) -> Reply:
    return Reply("done", status, {}, orjson.dumps(output) if output is not None else b"")


@dataclass
class ScriptedBus:
    """Records every message and returns, or raises, what `reply` does."""

    reply: Callable[[SentMessage], Reply | Awaitable[Reply]] = lambda message: done({})
    connected: bool = True
    sent: list[SentMessage] = field(default_factory=list)

    async def request(self, routing_key: str, headers: Mapping[str, str], body: bytes, timeout: float, keep: bool = True) -> Reply:
        self.sent.append(SentMessage(routing_key, headers, body, timeout))
        reply = self.reply(self.sent[-1])
        return reply if isinstance(reply, Reply) else await reply

    async def close(self) -> None:
        self.connected = False


OTHER_USER = UUID("0190f0a0-0000-7000-8000-000000000002")
SESSIONS = {f"session-{number}": UUID(int=number) for number in (1, 2)}
"""Access tokens of two sessions of USER."""


class StaticVerifier:
    async def verify(self, token: str, at: datetime) -> tuple[str, Caller]:
        if token in SESSIONS:
            return token, Caller(USER, session_id=SESSIONS[token])
        if token == "other-user":
            return token, Caller(OTHER_USER)
        if token != TOKEN:
            raise Unauthenticated("The access token has expired: refresh the session.")
        return token, Caller(USER)


class MarkingEncryptor:
    """Returns a recognizable text that differs each time, as real encryption does."""

    def __init__(self) -> None:
        self._count = 0

    def seal(self, context: str, secret: str) -> str:
        self._count += 1
        return f"sealed:{context}:{self._count}:{len(secret)}"


@dataclass
class FixedClock:
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def advance(self, time: timedelta) -> None:
        self.at += time


@dataclass
class Shop:
    client: httpx.AsyncClient
    bus: ScriptedBus
    gateway: Gateway

    async def place(self, body: Any = None, **headers: str) -> httpx.Response:
        return await self.client.post("/v1/orders", json={"item": "tea"} if body is None else body, headers=signed_in(**headers))


def signed_in(**headers: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKEN}", **{name.replace("_", "-"): value for name, value in headers.items()}}


def open_shop(options: Options | None = None, peer: str = "192.0.2.7", registry: Registry | None = None, tracer: Tracer = NO_TRACER) -> Shop:
    bus = ScriptedBus()
    known = registry or Registry(declarations())
    gateway = Gateway(known, bus, StaticVerifier(), MarkingEncryptor(), FixedClock(), options or Options(), tracer)
    return Shop(client_of(gateway, peer), bus, gateway)


def client_of(gateway: Gateway, peer: str) -> httpx.AsyncClient:
    """A client with this address."""
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    app = Starlette(routes=[StarletteRoute("/{path:path}", gateway.handle, methods=methods)])
    transport = httpx.ASGITransport(app, client=(peer, 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://capsule.test")
