"""What the gateway answers by itself: probes, health with its age, the API's description, problem pages, the page behind a mail's link."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import functions
from functions.runtime.messaging.bus import NoReply, Reply
from tests.gateway.shop import Asked, Shop, done, open_shop, signed_in

HTML = {"Accept": "text/html"}


def healthy(asked: Asked) -> Reply:
    return done({"status": "healthy", "service": "shop-service", "timestamp": "2026-05-01T12:00:00Z", "metadata": {"version": "1"}})


def silent(asked: Asked) -> Reply:
    raise NoReply("no answer within 10 s")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets time pass for the health's ages."""
    passed = [0.0]
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + passed[0])

    def pass_by(seconds: float) -> None:
        passed[0] += seconds

    return pass_by


def asked_for_health(shop: Shop) -> int:
    return len([asked for asked in shop.bus.asked if asked.routing_key == "shop.health"])


async def test_probes_ask_nobody() -> None:
    shop = open_shop()
    assert (await shop.client.get("/livez")).json() == {"status": "pass"}
    assert (await shop.client.get("/readyz")).status_code == 200
    shop.bus.connected = False
    assert (await shop.client.get("/livez")).status_code == 200
    not_ready = await shop.client.get("/readyz")
    assert (not_ready.status_code, not_ready.json()["status"]) == (503, "fail")
    assert shop.bus.asked == []


async def test_polling_health_wakes_nobody_after_the_first_time(later: Callable[[float], None]) -> None:
    shop = open_shop()
    shop.bus.answer = healthy
    first = await shop.client.get("/health")
    assert first.status_code == 200
    assert first.json()["status"] == "healthy"
    assert first.json()["services"][0] | {"ageSeconds": 0.0, "lastAnswerSeconds": 0.0} == {
        "status": "healthy",
        "service": "shop-service",
        "timestamp": "2026-05-01T12:00:00Z",
        "metadata": {"version": "1"},
        "check": "pass",
        "ageSeconds": 0.0,
        "lastAnswerSeconds": 0.0,
    }
    for _ in range(5):
        later(600)
        again = (await shop.client.get("/health")).json()
    assert asked_for_health(shop) == 1
    assert 3000 <= again["ageSeconds"] < 3001
    assert again["services"][0]["ageSeconds"] >= 3000


async def test_fresh_health_asks_but_not_more_often_than_it_makes_sense(later: Callable[[float], None]) -> None:
    shop = open_shop()
    shop.bus.answer = healthy
    await shop.client.get("/health")
    for _ in range(3):
        await shop.client.get("/health?fresh=1")
    assert asked_for_health(shop) == 1
    later(6)
    fresh = (await shop.client.get("/health?fresh=1")).json()
    assert asked_for_health(shop) == 2
    assert fresh["ageSeconds"] < 1


async def test_a_context_that_does_not_answer_fails() -> None:
    shop = open_shop()
    shop.bus.answer = silent
    response = await shop.client.get("/health")
    assert response.status_code == 503
    assert response.json()["checks"] == {"shop": "fail"}
    assert response.json()["services"][0]["detail"] == "NoReply: no answer within 10 s"


async def test_what_passes_through_corrects_what_is_known(later: Callable[[float], None]) -> None:
    shop = open_shop()
    shop.bus.answer = healthy
    await shop.client.get("/health")
    later(1)
    shop.bus.answer = silent
    assert (await shop.place()).status_code == 504
    degraded = await shop.client.get("/health")
    assert (degraded.status_code, degraded.json()["status"], degraded.json()["checks"]) == (200, "degraded", {"shop": "warn"})
    later(1)
    shop.bus.answer = lambda asked: done({})
    await shop.place()
    assert (await shop.client.get("/health")).json()["checks"] == {"shop": "pass"}


async def test_a_context_that_says_it_is_ill_is_believed() -> None:
    shop = open_shop()
    shop.bus.answer = lambda asked: done({"status": "unhealthy", "service": "shop-service"})
    assert (await shop.client.get("/health")).status_code == 503


async def test_health_without_the_bus() -> None:
    shop = open_shop()
    shop.bus.answer = healthy
    await shop.client.get("/health")
    shop.bus.connected = False
    away = await shop.client.get("/health")
    assert (away.status_code, away.json()["metadata"]["bus"]) == (503, {"connected": False})


async def test_the_description_is_the_generated_one() -> None:
    shop = open_shop()
    committed = (Path(functions.__file__).parent.parent / "schemas" / "openapi.yaml").read_bytes()
    as_yaml = await shop.client.get("/openapi.yaml")
    assert as_yaml.content == committed
    assert (await shop.client.get("/openapi.json")).json() == yaml.safe_load(committed)
    assert (await shop.client.get("/openapi.yaml", headers={"If-None-Match": as_yaml.headers["etag"]})).status_code == 304


async def test_the_page_to_read_it_shows_every_operation_and_loads_nothing() -> None:
    shop = open_shop()
    response = await shop.client.get("/docs")
    document = (await shop.client.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert f'id="{operation["operationId"]}"' in response.text, path
    assert "<script" not in response.text and "http://" not in response.text and "https://" not in response.text


async def test_each_problem_that_is_answered_has_a_page() -> None:
    shop = open_shop()
    types = {problem["type"] for problem in (await shop.client.get("/problems")).json()}
    assert {"/problems/sold-out", "/problems/invalid", "/problems/outcome-unknown", "/problems/key-reused"} <= types
    for type_ in types:
        assert (await shop.client.get(type_)).json()["type"] == type_
        assert type_ in (await shop.client.get(type_, headers=HTML)).text
    sold_out = (await shop.client.get("/problems/sold-out")).json()
    assert sold_out["functions"] == ["shop.place_order", "shop.verify_email"]


async def test_opening_the_mails_link_verifies_nobody_yet() -> None:
    shop = open_shop()
    page = await shop.client.get("/verify", params={"name": 'a"><b>', "password": "t-1"})
    assert page.status_code == 200
    assert 'name="password" value="t-1"' in page.text
    assert "<b>" not in page.text
    assert shop.bus.asked == []
    assert "not complete" in (await shop.client.get("/verify?name=ada")).text


async def test_the_click_is_the_command() -> None:
    shop = open_shop()
    shop.bus.answer = lambda asked: done({"status": "ok"})
    answer = await shop.client.post("/verify", data={"name": "ada", "password": "t-1"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "is confirmed" in answer.text
    (asked,) = shop.bus.asked
    assert (asked.routing_key, asked.input["password"][:12]) == ("shop.verify_email", "sealed:shop:")


async def test_a_click_too_late_says_so() -> None:
    shop = open_shop()
    problem = {"type": "/problems/sold-out", "title": "The last one is gone", "status": 409, "detail": "Ask for another <mail>."}
    shop.bus.answer = lambda asked: Reply("rejected", 409, {}, json.dumps(problem).encode())
    answer = await shop.client.post("/verify", data={"name": "ada", "password": "t-1"})
    assert answer.status_code == 409
    assert "Ask for another &lt;mail&gt;." in answer.text


async def test_the_front_door() -> None:
    shop = open_shop()
    assert (await shop.client.get("/")).json()["links"]["docs"] == "/docs"
    assert 'href="/docs"' in (await shop.client.get("/", headers=HTML)).text
    head = await shop.client.head("/v1/orders/latest", headers=signed_in())
    assert head.status_code == 200
