"""Three gateways behind one balancer: each gets the replies to its own requests, and together they count, cache, repeat and end sessions as one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from knative.machine.redis_server import Redis
from tests.gateway.balancer import Balancer
from tests.gateway.live import PASSWORD, Live, running, sign_in
from tests.gateway.test_ended_sessions import answer, bearer
from tests.proof import proof
from tests.runtime.harness import until

pytestmark = proof("three-gateways")
READS = 40


@pytest.fixture(scope="module")
def live(redis: Redis, postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = {
        "CAPSULE_REDIS_URL": redis.url,
        "CAPSULE_GATEWAY_RATE_LIMITS": f"credentials.address=1000/minute, reads.token={READS}/hour",
        "CAPSULE_GATEWAY_CACHE_SETTLE_SECONDS": "0.1",
    }
    with running(rabbitmq.vhost(), {"auth": postgres.database("auth")}, tmp_path_factory.mktemp("three"), settings=settings) as live:
        yield live


@pytest.fixture(scope="module")
def ports(live: Live) -> list[int]:
    return [live.gateway, live.start_gateway(), live.start_gateway()]


@pytest.fixture(scope="module")
def balanced(live: Live, ports: list[int]) -> Iterator[httpx.Client]:
    """A client of the balancer with a connection for each request. The gateways behind it are all there is to `live`."""
    balancer = Balancer(ports)
    own = live.client
    with httpx.Client(base_url=balancer.url, timeout=30, limits=httpx.Limits(max_keepalive_connections=0)) as client:
        live.client = client
        yield client
    live.client = own
    balancer.stop()


def served(port: int) -> float:
    """Requests of users that a gateway has answered."""
    families = text_string_to_metric_families(httpx.get(f"http://127.0.0.1:{port}/metrics").text)
    samples = [sample for family in families for sample in family.samples if sample.name == "capsule_http_requests_total"]
    return sum(sample.value for sample in samples if sample.labels["path"] == "/v1/users/me")


def test_each_request_gets_its_own_reply_whichever_gateway_it_reaches(live: Live, balanced: httpx.Client, ports: list[int]) -> None:
    users = [sign_in(live) for _ in range(6)]

    def ask(number: int) -> bool:
        email, token = users[number % len(users)]
        response = balanced.get("/v1/users/me", headers=bearer(token))
        return response.status_code == 200 and response.json()["email"] == email

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(ask, range(90)))
    assert all(served(port) > 10 for port in ports), [served(port) for port in ports]


def test_one_key_takes_effect_once_over_all_gateways(live: Live, balanced: httpx.Client) -> None:
    email, key = f"{uuid4().hex[:12]}@example.org", str(uuid4())

    def register(number: int) -> tuple[int, bytes]:
        response = balanced.post("/v1/users", json={"email": email, "password": PASSWORD}, headers={"Idempotency-Key": key})
        return response.status_code, response.content

    with ThreadPoolExecutor(9) as pool:
        [(status, _)] = set(pool.map(register, range(9)))
    assert status == 202 and len(live.rows("SELECT FROM users WHERE email = %s", email)) == 1


def test_a_session_may_send_what_its_limit_says_through_all_gateways_together(live: Live, balanced: httpx.Client) -> None:
    _, token = sign_in(live)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: answer(balanced, token), range(READS + 20)))
    assert statuses.count(200) == READS and statuses.count(429) == 20
    assert int(balanced.get("/v1/users/me", headers=bearer(token)).headers["retry-after"]) > 0


def test_a_session_that_ends_at_one_gateway_has_ended_at_all(live: Live, balanced: httpx.Client, ports: list[int]) -> None:
    _, token = sign_in(live)
    assert balanced.delete("/v1/sessions/current", headers=bearer(token)).status_code == 204
    for port in ports:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            until(lambda client=client: answer(client, token) == 401, why="for the gateway to refuse")


def test_users_read_their_own_writes_whichever_gateway_kept_the_former_response(live: Live, balanced: httpx.Client) -> None:
    for _ in range(3):  # each with the reads of its own session
        _, token = sign_in(live)
        until(lambda token=token: "; hit" in balanced.get("/v1/users/me", headers=bearer(token)).headers.get("cache-status", ""), why="for a hit")
        assert balanced.patch("/v1/users/me", json={"name": "Ada"}, headers=bearer(token)).status_code == 200
        assert [balanced.get("/v1/users/me", headers=bearer(token)).json()["name"] for _ in range(6)] == ["Ada"] * 6


def test_requests_go_on_without_one_gateway_and_without_redis(live: Live, balanced: httpx.Client, redis: Redis) -> None:
    _, token = sign_in(live)
    live.processes[-1].kill()
    live.processes[-1].wait(30)
    assert [answer(balanced, token) for _ in range(9)] == [200] * 9
    redis.stop()
    assert [answer(balanced, token) for _ in range(9)] == [200] * 9, "each gateway counts by itself"
    redis.start()

    def is_shared_again() -> bool:
        answer(balanced, token)
        return "capsule_rate_limit_store_available 1.0" in httpx.get(f"http://127.0.0.1:{live.gateway}/metrics").text

    until(is_shared_again, why="for the gateway to use Redis again")
