"""Rate limits by address, user, token and plan, their header fields and settings."""

import asyncio
from uuid import UUID

import pytest

from functions.edge.gateway.options import Options
from functions.edge.gateway.rates.counters import Count, MemoryCounters
from functions.edge.gateway.rates.limiter import RateLimiter, client_key
from functions.edge.gateway.rates.limits import DEFAULTS, Limit, Limits
from functions.edge.gateway.rates.plans import PlanFactors
from functions.kernel import Caller, RateClass
from functions.runtime.config.registry import Registry
from functions.runtime.config.settings import Settings
from functions.wire.settings import InvalidSetting
from tests.gateway.shop import TOKEN, USER, Shop, client_of, open_shop, signed_in

SIGN_IN = {"name": "ada", "password": "secret"}
TWO = Limit("reads.user", 2, 60)


def strict(limits: str) -> Shop:
    return open_shop(Options(rate_limits=Limits.parse(limits)))


async def read(shop: Shop, token: str = TOKEN) -> int:
    return (await shop.client.get("/v1/orders", headers={"Authorization": f"Bearer {token}"})).status_code


async def test_sign_ins_of_one_address_are_limited() -> None:
    shop = strict("credentials.address=2/minute")
    for left in (1, 0):
        response = await shop.client.post("/v1/sign-ins", json=SIGN_IN)
        assert response.status_code == 200
        assert f'"credentials.address";r={left};t=' in response.headers["ratelimit"]
    refused = await shop.client.post("/v1/sign-ins", json=SIGN_IN)
    assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-requests")
    assert "credentials.address" in refused.json()["detail"] and "2 requests in 60 s" in refused.json()["detail"]
    assert 1 <= int(refused.headers["retry-after"]) <= 120
    assert refused.headers["ratelimit-policy"] == '"credentials.address";q=2;w=60'
    assert len(shop.bus.sent) == 2
    assert (await shop.place()).status_code == 200, "signed-in callers have limits of their own"
    assert (await shop.client.get("/.well-known/keys.json")).status_code == 200, "reads have a limit of their own"
    assert (await client_of(shop.gateway, "192.0.2.8").post("/v1/sign-ins", json=SIGN_IN)).status_code == 200, "another address"
    assert (await client_of(shop.gateway, "192.0.2.7").post("/verify", data={"token": "x", "password": "y"})).status_code == 429, "the form too"


async def test_a_user_is_limited_over_all_sessions_and_a_session_by_itself() -> None:
    shop = strict("reads.user=3/minute, reads.token=2/minute")
    assert [await read(shop, "session-1") for _ in range(3)] == [200, 200, 429]
    assert [await read(shop, "session-2") for _ in range(2)] == [200, 429], "the fourth of the user; the refused one did not count"
    assert await read(shop, "other-user") == 200
    assert (await shop.place()).status_code == 200, "writes are counted by themselves"


async def test_every_request_of_an_address_counts_before_its_token_is_verified() -> None:
    shop = strict("requests.address=2/minute")
    assert [await read(shop, "expired"), await read(shop), await read(shop)] == [401, 200, 429]
    assert (await shop.client.get("/livez")).status_code == 200, "probes are not limited"


async def test_every_response_of_a_route_states_its_limits() -> None:
    response = await open_shop().client.get("/v1/orders", headers=signed_in())
    assert response.headers["ratelimit-policy"] == '"reads.token";q=3000;w=60, "reads.user";q=6000;w=60'
    assert response.headers["ratelimit"].startswith('"reads.token";r=2999;t=')
    assert "ratelimit" not in (await strict("off").client.get("/v1/orders", headers=signed_in())).headers


async def test_commands_for_anyone_are_strict_unless_declared_and_webhooks_are_writes() -> None:
    classes = {each.name: each.rate_class for each in Registry.load().declarations if each.http and each.allow.anyone and each.is_writing}
    assert {name for name, rate_class in classes.items() if rate_class is not RateClass.CREDENTIALS} == {
        *(
            "auth.refresh",
            "auth.redeem_device_code",
            "auth.finish_provider_login",
            "auth.receive_authorization_response",
        ),  # 256 bits
        *("billing.handle_stripe_webhook", "auth.receive_ses_notification"),  # signed
    }


class CountersAt:
    """Two requests in 60 s, counted at a time in seconds after the beginning of a window."""

    def __init__(self) -> None:
        self._at = 0.0
        self._counters = MemoryCounters(lambda: 6000.0 + self._at)

    async def count(self, at: float) -> Count:
        self._at = at
        [count] = await self._counters.count([(TWO, "ada")])
        return count


@pytest.mark.parametrize(
    ("hits", "expected"),
    [
        ([0, 0, 0], [True, True, False]),
        ([0, 0, 60, 61], [True, True, False, False]),  # at the beginning of the next window the previous one counts whole
        ([0, 0, 90.1, 91], [True, True, True, False]),  # half of it has left: one place
        ([0, 0, 180], [True, True, True]),  # a window was empty
    ],
)
async def test_a_window_slides(hits: list[float], expected: list[bool]) -> None:
    counters = CountersAt()
    assert [(await counters.count(at)).is_allowed for at in hits] == expected


@pytest.mark.parametrize(("first", "then"), [([0, 0], 1), ([30, 59], 0), ([0, 0, 90.1], 0), ([10, 50], 10)])
async def test_after_retry_seconds_one_more_request_is_allowed(first: list[float], then: float) -> None:
    counters = CountersAt()
    for at in first:
        await counters.count(at)
    refused = await counters.count(first[-1] + then)
    assert not refused.is_allowed
    assert (await counters.count(first[-1] + then + refused.retry_seconds)).is_allowed


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1:2", "2001:db8::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("not an address", "not an address"),
    ],
)
def test_an_ipv6_network_is_one_client(address: str, key: str) -> None:
    assert client_key(address) == key


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("reads.user", "'reads.user' is not one of requests.address, "),
        ("reads.planet=3/minute", "'reads.planet=3/minute' is not one of "),
        ("reads.user=many", "'many' is not a rate for reads.user"),
        ("reads.user=0/minute", "'0/minute' is not a rate for reads.user"),
        ("reads.user=", "'' is not a rate for reads.user"),
        ("reads.user=1/second;2/minute", "'1/second;2/minute' is not a rate for reads.user"),
    ],
)
def test_a_faulty_limit_is_named(text: str, part: str) -> None:
    with pytest.raises(InvalidSetting, match=part) as error:
        Options.read(Settings({"CAPSULE_GATEWAY_RATE_LIMITS": text}))
    assert "it must be changes of rate limits as in credentials.address=30/minute" in str(error.value)


def test_limits_are_read_from_settings() -> None:
    options = Options.read(Settings({"CAPSULE_GATEWAY_RATE_LIMITS": "reads.user = 5 per 10 seconds", "CAPSULE_GATEWAY_PLAN_FACTORS": "pro=3"}))
    assert options.rate_limits.by_name["reads.user"] == Limit("reads.user", 5, 10)
    assert set(options.rate_limits.by_name) == set(DEFAULTS) and options.plan_factors == {"pro": 3}
    assert Options.read(Settings({})) == Options()
    with pytest.raises(InvalidSetting, match="CAPSULE_REDIS_URL has an invalid value"):
        Options.read(Settings({"CAPSULE_REDIS_URL": "local"}))  # `up` replaces it


async def test_a_plan_multiplies_the_limits_of_its_user_who_is_looked_up_only_near_them() -> None:
    lookups: list[UUID] = []
    answered = asyncio.Event()

    async def plan_of(user_id: UUID, token: str) -> str:
        lookups.append(user_id)
        answered.set()
        return "pro"

    plans = PlanFactors({"pro": 3}, plan_of)
    limiter = RateLimiter(Limits.parse("reads.user=4/minute, reads.token=4/minute"), MemoryCounters(), plans)
    caller = Caller(USER)

    async def read() -> str:
        return (await limiter.count(RateClass.READS, caller, "token", "192.0.2.7"))["ratelimit-policy"]

    assert (await read()).endswith('"reads.user";q=4;w=60') and not lookups
    await read()
    await asyncio.wait_for(answered.wait(), 5)
    assert (await read()).endswith('"reads.user";q=12;w=60')
    assert [await read() for _ in range(9)] and lookups == [USER]
