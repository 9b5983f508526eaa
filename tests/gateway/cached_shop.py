"""A shop whose responses are cached, for tests of the gateway's cache."""

import asyncio
from uuid import UUID

import httpx

from functions.edge.gateway.options import Options
from functions.kernel import ANYONE, OWN_ACCOUNT, Cache, Caller, Event, Model, query
from functions.kernel.decorators import declarations_of
from functions.runtime.config.registry import Registry
from functions.runtime.messaging.bus import Reply
from tests.gateway.shop import TOKEN, Nothing, SentMessage, Shop, declarations, done, open_shop, signed_in

SETTLE_SECONDS = 0.05


class StockCounted(Event, type="stock.counted"):
    shop: str


class TasteChanged(Event, type="taste.changed", subject="user_id"):
    user_id: UUID


class Ask(Model):
    what: str = ""


@query(http="GET /v1/taste", allow=OWN_ACCOUNT, cache=Cache(60, purged_by=(StockCounted,), purged_by_own=(TasteChanged,)))
async def taste(request: Ask, caller: Caller) -> Nothing:
    raise NotImplementedError


@query(http="GET /v1/menu", allow=ANYONE, cache=Cache(60, purged_by=(StockCounted,)))
async def menu(request: Nothing) -> Nothing:
    raise NotImplementedError


def registry() -> Registry:
    for handler in (taste, menu):
        handler.__module__ = f"functions.shop.queries.{handler.__name__}"
    return Registry((*declarations(), *declarations_of(taste), *declarations_of(menu)))


class Counting:
    """A function that returns another value at each call."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, message: SentMessage) -> Reply:
        self.calls += 1
        return done({"value": self.calls})


async def open_cached_shop(options: Options) -> tuple[Shop, Counting]:
    """A shop whose cache is empty and in use."""
    shop, function = open_shop(options, registry=registry()), Counting()
    shop.bus.reply = function
    shop.gateway._traffic.cache.resume()
    await value(shop, "/v1/taste?what=first")  # purges what an earlier test has left
    await asyncio.sleep(SETTLE_SECONDS * 2)
    function.calls = 0
    return shop, function


async def get(shop: Shop, path: str = "/v1/taste", token: str = TOKEN, **headers: str) -> httpx.Response:
    response = await shop.client.get(path, headers={**signed_in(**headers), "Authorization": f"Bearer {token}"} if token else headers)
    assert response.status_code == 200, response.text
    return response


async def value(shop: Shop, path: str = "/v1/taste", token: str = TOKEN, **headers: str) -> int:
    return int((await get(shop, path, token, **headers)).json()["value"])


def deliver(shop: Shop, event: Event) -> None:
    shop.gateway.purges.on_event({"type": event.type}, event.model_dump_json(by_alias=True).encode())


async def purged(shop: Shop) -> None:
    """Wait until every purge is done."""
    await asyncio.gather(*shop.gateway._traffic.cache._tasks)
    await asyncio.sleep(0)


async def settle() -> None:
    await asyncio.sleep(SETTLE_SECONDS * 2)


async def metrics(shop: Shop) -> str:
    _, text = shop.gateway._traffic.metrics.exposition("")
    return text.decode()
