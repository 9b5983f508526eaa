"""`GET /metrics`: what it counts, with which labels, and who may read it."""

from uuid import uuid4

import httpx
import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from functions.edge.gateway.metric_declarations import ENDPOINT
from functions.edge.gateway.options import Options
from functions.edge.gateway.rates.limits import Limits
from functions.runtime.messaging.bus import NoReply, Reply
from functions.wire.execution_counts import ExecutionCounts
from tests.gateway.shop import SentMessage, Shop, client_of, done, open_shop, signed_in
from tests.gateway.test_responses import raising

REPORT = {"status": "healthy", "metadata": {"messages": {"outbox": 3, "outboxOldestSeconds": 4.5, "parked": 1, "deadLetters": 2}}}


async def metrics(shop: Shop, **headers: str) -> httpx.Response:
    return await client_of(shop.gateway, "127.0.0.1").get("/metrics", headers=headers)


async def samples(shop: Shop) -> dict[tuple[str, ...], float]:
    """Name and label values, in the order of the names of the labels → value."""
    families = text_string_to_metric_families((await metrics(shop)).text)
    return {(sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value for family in families for sample in family.samples}


async def test_requests_are_counted_by_the_template_of_their_route() -> None:
    shop = open_shop()
    for _ in range(2):
        await shop.client.get(f"/v1/orders/{uuid4()}", headers=signed_in())
    await shop.client.get(f"/v1/orders/{uuid4()}")
    await shop.client.get(f"/nowhere/{uuid4()}")
    await shop.client.request("BREW", "/livez")
    found = await samples(shop)
    path = "/v1/orders/{orderId}"
    assert found[("capsule_http_requests_total", "GET", path, "200")] == 2
    assert found[("capsule_http_requests_total", "GET", path, "401")] == 1
    assert found[("capsule_http_requests_total", "GET", "none", "404")] == 1
    assert found[("capsule_http_request_duration_seconds_count", "GET", path)] == 3
    assert found[("capsule_rpc_requests_total", "shop.order", "done")] == 2
    assert found[("capsule_rpc_duration_seconds_count", "shop.order")] == 2
    assert not any("BREW" in key for key in found)


async def test_refusals_are_counted_by_what_refused() -> None:
    shop = open_shop(Options(rate_limits=Limits.parse("writes.user=1/minute"), circuit_min_volume=1))
    assert [(await shop.place()).status_code for _ in range(2)] == [200, 429]
    shop.bus.reply = raising(NoReply("late"))
    assert [(await shop.client.get("/v1/orders", headers=signed_in())).status_code for _ in range(2)] == [504, 503]
    found = await samples(shop)
    assert found[("capsule_rate_limited_requests_total", "writes.user")] == 1
    assert found[("capsule_context_refused_requests_total", "shop", "circuit")] == 1
    assert found[("capsule_rpc_requests_total", "shop.orders", "no-reply")] == 1
    shed = open_shop(Options(concurrency=0))
    await shed.place()
    assert (await samples(shed))[("capsule_shed_requests_total", "write")] == 1


async def test_the_backlog_of_a_context_is_that_of_its_last_report() -> None:
    shop = open_shop()

    def reply(message: SentMessage) -> Reply:
        return done(REPORT) if message.routing_key == "shop.health" else done({})

    shop.bus.reply = reply
    assert ("capsule_outbox_messages", "shop") not in await samples(shop)
    await shop.client.get("/health")
    sent = len(shop.bus.sent)
    found = await samples(shop)
    assert found[("capsule_outbox_messages", "shop")] == 3 and found[("capsule_outbox_oldest_age_seconds", "shop")] == 4.5
    assert found[("capsule_dead_letters_open", "shop")] == 2 and found[("capsule_parked_messages", "shop")] == 1
    assert found[("capsule_context_up", "shop")] == 1 and found[("capsule_broker_connected",)] == 1
    assert len(shop.bus.sent) == sent, "a scrape wakes no function"


async def test_executions_of_functions_are_added_up_from_what_their_processes_publish() -> None:
    shop = open_shop()
    counts = ExecutionCounts()
    counts.record("shop.orders", "done", 0.02, is_cold=True)
    counts.record("shop.orders", "retried", 3.0, is_cold=False)
    for _ in range(2):
        shop.gateway.on_executions_counted(counts.to_json())
    shop.gateway.on_executions_counted(b"nonsense")
    unknown = ExecutionCounts()
    unknown.record("shop.elsewhere", "done", 0.02, is_cold=False)
    shop.gateway.on_executions_counted(unknown.to_json())
    found = await samples(shop)
    assert found[("capsule_function_executions_total", "shop.orders", "done")] == 2
    assert found[("capsule_function_executions_total", "shop.orders", "retried")] == 2
    assert found[("capsule_function_cold_starts_total", "shop.orders")] == 2
    assert found[("capsule_function_duration_seconds_sum", "shop.orders")] == pytest.approx(6.04)
    buckets = [found[("capsule_function_duration_seconds_bucket", "shop.orders", bound)] for bound in ("0.01", "0.025", "2.5", "5.0", "+Inf")]
    assert buckets == [0, 2, 2, 4, 4]
    assert not any("elsewhere" in label for key in found for label in key)


async def test_every_metric_is_declared_with_its_type_and_its_labels() -> None:
    shop = open_shop(Options(rate_limits=Limits.parse("writes.user=1/minute"), circuit_min_volume=1))

    def reply(message: SentMessage) -> Reply:
        return done(REPORT) if message.routing_key == "shop.health" else done({})

    shop.bus.reply = reply
    await shop.client.get("/health")
    await shop.place(), await shop.place()
    counts = ExecutionCounts()
    counts.record("shop.orders", "done", 0.02, is_cold=True)
    shop.gateway.on_executions_counted(counts.to_json())
    shop.gateway._traffic.metrics.record_cache_request("/v1/orders", "miss")  # no route of the shop may be cached
    shop.gateway._traffic.metrics.record_cache_purge("command")
    shed = open_shop(Options(concurrency=0))
    await shed.place()
    shop.bus.reply = raising(NoReply("late"))
    assert [(await shop.client.get("/v1/orders", headers=signed_in())).status_code for _ in range(2)] == [504, 503]
    texts = [(await metrics(each)).text for each in (shop, shed)]
    found = {}
    for family in (family for text in texts for family in text_string_to_metric_families(text)):
        if not family.name.startswith(("process_", "python_")) and family.samples:
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            found[family.name] = (family.type, labels, family.documentation)
    assert found == {each.name: (each.type, set(each.labels), each.meaning) for each in ENDPOINT.metrics}


async def test_a_scraper_may_ask_for_openmetrics() -> None:
    response = await metrics(open_shop(), Accept="application/openmetrics-text; version=1.0.0")
    assert response.headers["content-type"].startswith("application/openmetrics-text") and response.text.endswith("# EOF\n")


@pytest.mark.parametrize(
    ("options", "peer", "headers", "status"),
    [
        (Options(), "127.0.0.1", {}, 200),
        (Options(), "::1", {}, 200),
        (Options(), "192.0.2.7", {}, 404),
        (Options(), "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        (Options(), "127.0.0.1", {"Forwarded": "for=192.0.2.7"}, 404),
        (Options(metrics_token="m" * 32), "127.0.0.1", {}, 401),
        (Options(metrics_token="m" * 32), "192.0.2.7", {"Authorization": "Bearer " + "m" * 32}, 200),
        (Options(metrics_token="m" * 32), "192.0.2.7", {"Authorization": "Bearer é"}, 401),
        (Options(metrics=False), "127.0.0.1", {}, 404),
    ],
)
async def test_metrics_are_for_this_machine_or_for_the_holder_of_the_token(options: Options, peer: str, headers: dict[str, str], status: int) -> None:
    client = client_of(open_shop(options).gateway, peer)
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    response = await client.get("/metrics", headers=raw)
    assert response.status_code == status
    assert orjson.loads(response.content)["status"] == status if status != 200 else "capsule_http" in response.text
