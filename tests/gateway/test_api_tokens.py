"""The gateway exchanges API tokens: once for many requests, never for text that is no token, and fails closed."""

import asyncio
from datetime import timedelta

import pytest

from functions.edge.gateway.api_tokens import REFUSAL_LIFETIME, ApiTokenExchange
from functions.kernel import Unauthenticated, Unavailable
from functions.runtime.messaging.bus import BrokerUnavailable, NoReply, Reply
from functions.wire.api_tokens import new_token
from tests.gateway.shop import FixedClock, MarkingEncryptor, ScriptedBus, done

LIFETIME_SECONDS = 900


def exchange_with(bus: ScriptedBus, clock: FixedClock | None = None) -> ApiTokenExchange:
    return ApiTokenExchange(bus, MarkingEncryptor().seal, clock or FixedClock())  # type: ignore[arg-type]


def answering() -> ScriptedBus:
    bus = ScriptedBus()
    bus.reply = lambda message: done({"accessToken": f"access-{len(bus.sent)}", "expiresIn": LIFETIME_SECONDS})
    return bus


def refused(status: int, slug: str) -> Reply:
    return Reply("rejected", status, {}, b'{"type": "/problems/%s", "detail": "why"}' % slug.encode())


async def test_requests_share_one_exchange_until_shortly_before_the_access_token_expires() -> None:
    bus, clock, token = answering(), FixedClock(), new_token()
    exchange = exchange_with(bus, clock)
    assert set(await asyncio.gather(*(exchange.access_token(token) for _ in range(20)))) == {"access-1"}
    clock.advance(timedelta(seconds=LIFETIME_SECONDS - 31))
    assert await exchange.access_token(token) == "access-1"
    clock.advance(timedelta(seconds=1))
    assert await exchange.access_token(token) == "access-2"
    assert await exchange.access_token(new_token()) == "access-3"
    assert [message.routing_key for message in bus.sent] == ["auth.exchange_token"] * 3
    assert bus.sent[0].input == {"token": "sealed:auth:1:58"} and token.encode() not in bus.sent[0].body


async def test_text_that_is_no_token_is_refused_without_an_exchange() -> None:
    bus = answering()
    for text in ("capsule_pat_", "capsule_pat_" + "0" * 46, new_token()[:-1]):
        with pytest.raises(Unauthenticated, match="malformed"):
            await exchange_with(bus).access_token(text)
    assert bus.sent == []


async def test_a_refusal_is_remembered_for_a_while() -> None:
    bus, clock, token = ScriptedBus(lambda message: refused(401, "invalid-api-token")), FixedClock(), new_token()
    exchange = exchange_with(bus, clock)
    for _ in range(3):
        with pytest.raises(Unauthenticated, match="why"):
            await exchange.access_token(token)
    assert len(bus.sent) == 1
    clock.advance(REFUSAL_LIFETIME)
    with pytest.raises(Unauthenticated):
        await exchange.access_token(token)
    assert len(bus.sent) == 2


@pytest.mark.parametrize("failure", [BrokerUnavailable("away"), NoReply("late"), refused(503, "unavailable")])
async def test_without_an_answer_no_token_is_accepted_and_the_next_request_tries_again(failure: Exception | Reply) -> None:
    bus, token = ScriptedBus(), new_token()

    def fail(message: object) -> Reply:
        if isinstance(failure, Exception):
            raise failure
        return failure

    bus.reply = fail
    exchange = exchange_with(bus)
    with pytest.raises(Unavailable):
        await exchange.access_token(token)
    bus.reply = lambda message: done({"accessToken": "access", "expiresIn": LIFETIME_SECONDS})
    assert await exchange.access_token(token) == "access"
