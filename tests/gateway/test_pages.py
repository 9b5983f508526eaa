"""The gateway's own responses: probes, health with its age, API documentation, problem pages, verification pages."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import functions
from functions.runtime.config.registry import Registry
from functions.runtime.messaging.bus import NoReply, Reply
from tests.gateway.shop import SentMessage, Shop, done, open_shop, signed_in

HTML = {"Accept": "text/html"}


def reply_healthy(message: SentMessage) -> Reply:
    return done({"status": "healthy", "service": "shop-service", "timestamp": "2026-05-01T12:00:00Z", "metadata": {"version": "1"}})


def raise_no_reply(message: SentMessage) -> Reply:
    raise NoReply("no answer within 10 s")


@pytest.fixture
def advance(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Advances the monotonic clock."""
    offset = [0.0]
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + offset[0])

    def advance_by(seconds: float) -> None:
        offset[0] += seconds

    return advance_by


def count_health_requests(shop: Shop) -> int:
    return len([message for message in shop.bus.sent if message.routing_key == "shop.health"])


async def test_probes_send_no_messages() -> None:
    shop = open_shop()
    assert (await shop.client.get("/livez")).json() == {"status": "pass"}
    assert (await shop.client.get("/readyz")).status_code == 200
    shop.bus.connected = False
    assert (await shop.client.get("/livez")).status_code == 200
    not_ready = await shop.client.get("/readyz")
    assert (not_ready.status_code, not_ready.json()["status"]) == (503, "fail")
    assert shop.bus.sent == []


async def test_polling_health_asks_the_contexts_only_once(advance: Callable[[float], None]) -> None:
    shop = open_shop()
    shop.bus.reply = reply_healthy
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
        "gateway": {"circuit": "closed", "inProgress": 0, "waiting": 0},
    }
    for _ in range(5):
        advance(50)
        later = (await shop.client.get("/health")).json()
    assert count_health_requests(shop) == 1
    assert 250 <= later["ageSeconds"] < 251
    assert later["services"][0]["ageSeconds"] >= 250


async def test_fresh_health_asks_the_contexts_at_most_every_5_seconds(advance: Callable[[float], None]) -> None:
    shop = open_shop()
    shop.bus.reply = reply_healthy
    await shop.client.get("/health")
    for _ in range(3):
        await shop.client.get("/health?fresh=1")
    assert count_health_requests(shop) == 1
    advance(6)
    fresh = (await shop.client.get("/health?fresh=1")).json()
    assert count_health_requests(shop) == 2
    assert fresh["ageSeconds"] < 1


async def test_a_context_without_a_reply_fails() -> None:
    shop = open_shop()
    shop.bus.reply = raise_no_reply
    response = await shop.client.get("/health")
    assert response.status_code == 503
    assert response.json()["checks"] == {"shop": "fail"}
    assert response.json()["services"][0]["detail"] == "NoReply: no answer within 10 s"


async def test_traffic_corrects_the_last_report(advance: Callable[[float], None]) -> None:
    shop = open_shop()
    shop.bus.reply = reply_healthy
    await shop.client.get("/health")
    advance(1)
    shop.bus.reply = raise_no_reply
    assert (await shop.place()).status_code == 504
    degraded = await shop.client.get("/health")
    assert (degraded.status_code, degraded.json()["status"], degraded.json()["checks"]) == (200, "degraded", {"shop": "warn"})
    advance(1)
    shop.bus.reply = lambda message: done({})
    await shop.place()
    assert (await shop.client.get("/health")).json()["checks"] == {"shop": "pass"}


async def test_an_unhealthy_context_makes_health_503() -> None:
    shop = open_shop()
    shop.bus.reply = lambda message: done({"status": "unhealthy", "service": "shop-service"})
    assert (await shop.client.get("/health")).status_code == 503


async def test_health_is_503_without_rabbitmq() -> None:
    shop = open_shop()
    shop.bus.reply = reply_healthy
    await shop.client.get("/health")
    shop.bus.connected = False
    response = await shop.client.get("/health")
    assert (response.status_code, response.json()["metadata"]["bus"]) == (503, {"connected": False})


async def test_the_openapi_document_is_the_generated_file() -> None:
    shop = open_shop()
    committed = (Path(functions.__file__).parent.parent / "schemas" / "openapi.yaml").read_bytes()
    as_yaml = await shop.client.get("/openapi.yaml")
    assert as_yaml.content == committed
    assert (await shop.client.get("/openapi.json")).json() == yaml.load(committed, yaml.CSafeLoader)
    assert (await shop.client.get("/openapi.yaml", headers={"If-None-Match": as_yaml.headers["etag"]})).status_code == 304


async def test_every_problem_type_has_a_page_with_cause_fix_and_example() -> None:
    shop = open_shop()
    types = {problem["type"] for problem in (await shop.client.get("/problems")).json()}
    assert {"/problems/sold-out", "/problems/invalid", "/problems/outcome-unknown", "/problems/key-reused"} <= types
    for type_ in types:
        document = (await shop.client.get(type_)).json()
        assert document["type"] == type_ and document["fix"]
        page = (await shop.client.get(type_, headers=HTML)).text
        assert type_ in page and ">Fix<" in page and ">Example<" in page
    sold_out = (await shop.client.get("/problems/sold-out")).json()
    assert sold_out["endpoints"] == ["POST /v1/orders", "POST /v1/users/verify"]
    assert "shop." not in (await shop.client.get("/problems", headers=HTML)).text, "functions are internal"


async def test_the_list_of_problems_shows_and_links_each() -> None:
    shop = open_shop()
    page = (await shop.client.get("/problems", headers=HTML)).text
    for problem in (await shop.client.get("/problems")).json():
        slug = problem["type"].removeprefix("/problems/")
        assert f'id="{slug}"' in page and f'href="#{slug}"' in page


async def test_opening_the_verification_link_sends_no_command() -> None:
    shop = open_shop()
    page = await shop.client.get("/verify", params={"token": 'a"><b>', "password": "of the link"})
    assert page.status_code == 200
    assert 'type="hidden" name="token" value="a&#34;&gt;&lt;b&gt;"' in page.text
    assert '<input type="password" name="password"' in page.text and "of the link" not in page.text
    assert "<b>" not in page.text
    assert shop.bus.sent == []
    incomplete = await shop.client.get("/verify?password=ada")
    assert "not complete" in incomplete.text and 'action="/verify/resend"' in incomplete.text


async def test_the_verification_form_sends_the_command() -> None:
    shop = open_shop()
    shop.bus.reply = lambda message: done({"status": "ok"})
    response = await shop.client.post("/verify", data={"token": "t-1", "password": "ada's own"})
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "is verified" in response.text and "capsule login" in response.text and "dashboard.localhost:7080/sign-in" in response.text
    (message,) = shop.bus.sent
    assert (message.routing_key, message.input["password"][:12]) == ("shop.verify_email", "sealed:shop:")


async def test_a_rejected_verification_shows_why_and_offers_another_email() -> None:
    shop = open_shop()
    problem = {"type": "/problems/sold-out", "title": "The last one is gone", "status": 409, "detail": "Request another <mail>."}
    shop.bus.reply = lambda message: Reply("rejected", 409, {}, json.dumps(problem).encode())
    response = await shop.client.post("/verify", data={"token": "t-1", "password": "ada's own"})
    assert response.status_code == 409
    assert "Request another &lt;mail&gt;." in response.text
    assert 'action="/verify/resend"' in response.text
    assert "form-action 'self'" in response.headers["content-security-policy"]


async def test_the_form_for_another_email_sends_the_command() -> None:
    shop = open_shop()
    shop.bus.reply = lambda message: done({"status": "ok"}, 202)
    response = await shop.client.post("/verify/resend", data={"email": "ada@example.org"})
    assert response.status_code == 200 and "Check your e-mail" in response.text
    (message,) = shop.bus.sent
    assert (message.routing_key, message.input) == ("shop.resend_verification", {"email": "ada@example.org"})
    invalid = await shop.client.post("/verify/resend", data={"address": "x"})
    assert invalid.status_code == 422 and "was not sent" in invalid.text
    wrong = await shop.client.get("/verify/resend")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "OPTIONS, POST")
    wrong = await shop.client.put("/verify")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")


async def test_the_start_page_links_to_the_documentation() -> None:
    shop = open_shop()
    assert (await shop.client.get("/")).json()["links"]["docs"] == "/docs"
    assert 'href="/docs"' in (await shop.client.get("/", headers=HTML)).text
    head = await shop.client.head("/v1/orders/latest", headers=signed_in())
    assert head.status_code == 200


async def test_the_pages_of_a_password_reset_and_an_email_change_send_their_commands() -> None:
    shop = open_shop(registry=Registry.load())
    incomplete = await shop.client.get("/reset-password")
    assert 'action="/reset-password/request"' in incomplete.text and 'type="password"' not in incomplete.text
    page = await shop.client.get("/reset-password?token=t-1&password=of+the+link")
    assert 'value="t-1"' in page.text and 'name="password"' in page.text and "of the link" not in page.text
    assert 'value="t-2"' in (await shop.client.get("/confirm-email?token=t-2")).text and shop.bus.sent == []

    shop.bus.reply = lambda message: done({"email": "ada@example.org", "unconfirmed": ["new"]})
    assert "password is changed" in (await shop.client.post("/reset-password", data={"token": "t-1", "password": "ada's own"})).text
    assert "to the new address" in (await shop.client.post("/confirm-email", data={"token": "t-2"})).text
    assert "If the address has an account" in (await shop.client.post("/reset-password/request", data={"email": "ada@example.org"})).text
    assert [message.routing_key for message in shop.bus.sent] == ["auth.reset_password", "auth.confirm_email_change", "auth.request_password_reset"]
