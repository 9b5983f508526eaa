"""Declarations of cached responses: which are refused, and the events that a gateway follows for them."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from events.auth import EmailChanged
from events.teams import TeamDeleted
from functions.edge.gateway.cache.purges import ALWAYS_PURGED_BY, followed_events
from functions.kernel import ANYONE, OWN_ACCOUNT, Cache, Caller, Client, Declaration, Done, Permission, command, query
from functions.kernel.declaration_rules import check_cache
from functions.kernel.decorators import declarations_of
from functions.runtime.config.registry import Registry
from tests.gateway.cached_shop import TasteChanged
from tests.gateway.shop import Nothing, declarations


def test_a_gateway_follows_what_purges_and_nothing_without_a_cached_response() -> None:
    assert followed_events(declarations()) == []
    followed = followed_events(Registry.load().declarations)
    assert set(followed) > ALWAYS_PURGED_BY and EmailChanged.type in followed


def test_a_response_that_must_not_be_kept_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match="0"):
        Cache(0)
    with pytest.raises(TypeError, match="belongs into purged_by"):
        Cache(60, purged_by_own=(TeamDeleted,))

    async def by_address(request: Nothing, client: Client) -> Nothing:
        raise NotImplementedError

    async def changing(request: Nothing, caller: Caller) -> Done[Nothing]:
        raise NotImplementedError

    async def for_anyone(request: Nothing) -> Nothing:
        raise NotImplementedError

    def declared(decorate: Callable[..., object], handler: object) -> Declaration:
        handler.__module__ = "functions.shop.queries.x"
        decorate(handler)
        return declarations_of(handler)[0]

    for declaration, reason in (
        (declared(query(http="GET /v1/x", allow=ANYONE, cache=Cache(60)), by_address), "address"),
        (declared(query(allow=ANYONE, cache=Cache(60)), for_anyone), "with a route"),
        (declared(query(http="GET /v1/x", allow=ANYONE, cache=Cache(60, purged_by_own=(TasteChanged,))), for_anyone), "no caller"),
        (replace(declared(query(http="GET /v1/x", allow=ANYONE, cache=Cache(60)), for_anyone), permission=Permission.APP_READ), "permission"),
        (replace(declared(command(http="PUT /v1/x", allow=OWN_ACCOUNT), changing), cache=Cache(60)), "only the response of a query"),
    ):
        with pytest.raises(TypeError, match=reason):
            check_cache(declaration)
