"""The gateway's own responses: probes, health with its age, API documentation, problem pages, verification pages."""

import json
import re
import time
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

import functions
from cli.api import Api
from functions.edge.gateway import documentation, problems
from functions.edge.gateway.routing import route_of
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
    assert (await shop.client.get("/openapi.json")).json() == yaml.safe_load(committed)
    assert (await shop.client.get("/openapi.yaml", headers={"If-None-Match": as_yaml.headers["etag"]})).status_code == 304


async def test_the_documentation_shows_every_operation_with_a_sample() -> None:
    shop = open_shop()
    response = await shop.client.get("/docs")
    document = (await shop.client.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert f'id="{operation["operationId"]}"' in response.text, path
            assert f'href="#{operation["operationId"]}"' in response.text, "the index links to it"
            sample = f"curl -sS {'' if method == 'get' else f'-X {method.upper()} '}&#34;$CAPSULE_API{path.partition('{')[0]}"
            assert sample in response.text, path


async def test_the_documentation_loads_nothing() -> None:
    shop = open_shop()
    response = await shop.client.get("/docs")
    text = re.sub(r'<a href="http://dashboard[^"]*">', "", response.text)  # a link loads nothing
    assert not re.search(r"""(src|href|action)\s*=\s*["']?\s*(\w+:|//)|url\(|@import|<(link|img|iframe|object)\b""", text.partition("<script>")[0])
    policy = response.headers["content-security-policy"]
    (script,) = re.findall(r"<script>(.*?)</script>", response.text, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; script-src 'sha256-{digest}'; connect-src 'self'"


async def test_operators_endpoints_come_after_those_of_users() -> None:
    document = (await open_shop().client.get("/openapi.json")).json()
    groups = documentation.groups(document)
    assert [group.topic.slug for group in groups][-2:] == ["operations", "gateway"]
    for group in groups:
        for operation in group.operations:
            permission = document["paths"][operation.path][operation.method.lower()].get("x-permission")
            assert permission != "admin" or group.topic.slug == "operations", operation.path
            assert "Requires the" not in operation.description, "the badge says it"


async def test_every_operation_has_a_sample_of_the_python_client_that_runs() -> None:
    """Streams of events and webhooks that others sign have no method."""
    document, sent = (await open_shop().client.get("/openapi.json")).json(), []

    class Recorder:
        def request(self, method: str, path: str, body: Any = None, query: Any = None, idempotency_key: str | None = None) -> httpx.Response:
            sent.append((method, path))
            return httpx.Response(200, json={"items": [], "next": None})

    names = defaultdict(lambda: "x")
    names["api"], names["print"] = Api(Recorder()), lambda *values: None
    for group in documentation.groups(document):
        for operation in group.operations:
            if operation.python is None:
                assert operation.path.endswith(("/events", "/stripe", "/ses", "/livez", "/readyz", "/health")), operation.path
                continue
            exec(compile(operation.python, operation.id, "exec"), {"__builtins__": {}}, names)
            expected = re.sub(r"{\w+}", "x", operation.path)
            assert sent[-1][0] == operation.method and re.fullmatch(re.escape(expected), sent[-1][1]), operation.python


async def test_an_operation_lists_only_its_own_errors() -> None:
    document = (await open_shop().client.get("/openapi.json")).json()
    (register,) = [operation for group in documentation.groups(document) for operation in group.operations if operation.id == "auth_register"]
    assert {slug for _, slug, _ in register.errors} == {"invalid-email", "weak-password"}
    assert {slug for _, slug, _ in documentation.common_errors()} == {*problems.OWN, "key-reused", "forbidden"}


async def test_the_quickstart_has_five_valid_calls() -> None:
    document = (await open_shop().client.get("/openapi.json")).json()
    calls = documentation.quickstart(document)
    assert len(calls) == 5
    assert not [call for call in calls if "{" in call.command.partition("--data")[0]], "every path parameter is a variable"
    by_name = Registry.load().by_name
    variables = {"APPLICATION_ID": "019a2f6e-6c52-7a3f-9d53-3c1f0f5f1c9e"}
    for step in documentation.QUICKSTART:
        declaration = by_name[step.operation_id.replace("_", ".", 1)]
        route = route_of(declaration)
        assert route is not None and declaration.input is not None
        declaration.input.model_validate({**(step.body or {}), **{name: variables["APPLICATION_ID"] for name in route.path_names}})
        if step.field:
            fields = declaration.output.model_fields
            assert step.field in {info.alias or name for name, info in fields.items()}


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
