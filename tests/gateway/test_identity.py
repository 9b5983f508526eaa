"""Identity of callers and requests: tokens, idempotency keys, request ids, traces, client addresses, rate limits."""

import asyncio
from ipaddress import ip_network
from uuid import UUID, uuid4

import pytest

from functions.edge.gateway.envelope import parse_client
from functions.runtime.messaging.bus import Reply
from tests.gateway.shop import SentMessage, done, open_shop, signed_in

SIGN_IN = {"name": "ada", "password": "secret"}


async def test_a_request_without_a_token_is_rejected() -> None:
    shop = open_shop()
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer "}):
        response = await shop.client.get("/v1/orders", headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer realm="capsule"'
    assert shop.bus.sent == []


async def test_an_expired_token_is_rejected_with_a_challenge() -> None:
    shop = open_shop()
    response = await shop.client.get("/v1/orders", headers={"Authorization": "Bearer expired"})
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert response.json()["detail"].startswith("The access token has expired")


async def test_an_expired_token_counts_as_none_on_a_public_route() -> None:
    shop = open_shop()
    response = await shop.client.post("/v1/sign-ins", json=SIGN_IN, headers={"Authorization": "Bearer expired"})
    assert response.status_code == 200
    assert "token" not in shop.bus.sent[0].headers and "actor" not in shop.bus.sent[0].headers


async def test_the_same_key_of_one_caller_and_route_is_the_same_message() -> None:
    shop = open_shop()
    for _ in range(2):
        await shop.place(Idempotency_Key="k1")
    await shop.place(Idempotency_Key="k2")
    await shop.place()
    order = str(uuid4())
    await shop.client.patch(f"/v1/orders/{order}", json={"count": 1}, headers=signed_in(Idempotency_Key="k1"))
    ids = [message.headers["id"] for message in shop.bus.sent]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    assert UUID(ids[0]).version == 5 and UUID(ids[3]).version == 7
    assert {message.headers["source"] for message in shop.bus.sent} == {"/capsule/gateway"}


async def test_an_anonymous_key_must_be_unguessable() -> None:
    shop = open_shop()
    guessable = await shop.client.post("/v1/sign-ins", json=SIGN_IN, headers={"Idempotency-Key": "1"})
    assert (guessable.status_code, guessable.json()["type"]) == (400, "/problems/invalid-idempotency-key")
    key = str(uuid4())
    for _ in range(2):
        assert (await shop.client.post("/v1/sign-ins", json=SIGN_IN, headers={"Idempotency-Key": key})).status_code == 200
    assert len({message.headers["id"] for message in shop.bus.sent}) == 1


@pytest.mark.parametrize("key", ["with space", "x" * 256])
async def test_a_malformed_key_is_rejected(key: str) -> None:
    shop = open_shop()
    assert (await shop.place(Idempotency_Key=key)).status_code == 400
    assert shop.bus.sent == []


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match", "If-Unmodified-Since"])
async def test_a_change_under_a_precondition_is_refused_and_not_done(header: str) -> None:
    shop = open_shop()
    response = await shop.client.patch(f"/v1/orders/{uuid4()}", json={"count": 1}, headers={**signed_in(), header: '"an-older-state"'})
    assert (response.status_code, response.json()["type"]) == (400, "/problems/precondition-not-supported")
    assert header in response.json()["detail"] and shop.bus.sent == []


async def test_a_well_formed_request_id_is_kept_and_others_are_replaced() -> None:
    shop = open_shop()
    kept = await shop.place(X_Request_Id="client-request-1")
    assert kept.headers["x-request-id"] == shop.bus.sent[0].headers["correlationid"] == "client-request-1"
    for malformed in ("short", "x" * 200, "with space in it", "new\tline-in-it"):
        replaced = await shop.place(X_Request_Id=malformed)
        assert UUID(replaced.headers["x-request-id"]).version == 7


async def test_two_requests_in_progress_never_share_a_request_id() -> None:
    shop = open_shop()
    both_started = asyncio.Barrier(2)

    async def reply_when_both_started(routing_key: str, headers: dict[str, str], body: bytes, timeout: float, keep: bool = True) -> Reply:
        shop.bus.sent.append(SentMessage(routing_key, headers, body, timeout))
        await both_started.wait()
        return done({})

    shop.bus.request = reply_when_both_started  # type: ignore[method-assign,assignment]
    await asyncio.gather(shop.place(X_Request_Id="client-request-1"), shop.place(X_Request_Id="client-request-1"))
    first, second = (message.headers["correlationid"] for message in shop.bus.sent)
    assert first == "client-request-1" and second != first


async def test_a_valid_trace_is_continued_and_others_are_replaced() -> None:
    shop = open_shop()
    trace = "0af7651916cd43dd8448eb211c80319c"
    await shop.place(Traceparent=f"00-{trace}-b7ad6b7169203331-01", Tracestate="vendor=1")
    continued = shop.bus.sent[0].headers
    assert continued["traceparent"].split("-")[1] == trace
    assert continued["traceparent"].split("-")[2] != "b7ad6b7169203331"
    assert continued["tracestate"] == "vendor=1"
    for malformed in ("nonsense", f"00-{'0' * 32}-b7ad6b7169203331-01", f"ff-{trace}-b7ad6b7169203331-01"):
        await shop.place(Traceparent=malformed, Tracestate="vendor=1")
        new_trace = shop.bus.sent[-1].headers
        assert trace not in new_trace["traceparent"] and len(new_trace["traceparent"]) == 55
        assert new_trace["tracestate"] == ""


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("203.0.113.5", "10.0.0.1", [], "203.0.113.5"),
        ("10.0.0.2", "203.0.113.5", ["10.0.0.0/8"], "203.0.113.5"),
        ("10.0.0.2", "1.1.1.1, 203.0.113.5, 10.0.0.9", ["10.0.0.0/8"], "203.0.113.5"),
        ("203.0.113.5", "1.1.1.1", ["10.0.0.0/8"], "203.0.113.5"),
        ("10.0.0.2", "garbage", ["10.0.0.0/8"], "10.0.0.2"),
        ("10.0.0.2", "", ["10.0.0.0/8"], "10.0.0.2"),
    ],
)
def test_x_forwarded_for_counts_only_from_trusted_proxies(peer: str, forwarded: str, trusted: list[str], expected: str) -> None:
    assert parse_client(peer, forwarded, "", tuple(ip_network(network) for network in trusted)).address == expected


async def test_a_user_agent_cannot_break_the_message() -> None:
    assert parse_client("", "", "kettle/1 é\x01", ()).user_agent == "kettle/1 ??"
