"""Conversion of replies to HTTP responses, and the headers of every response."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from functions.edge.gateway.options import Options
from functions.edge.gateway.responses import BytesResponse
from functions.runtime.config.settings import Settings
from functions.runtime.messaging.bus import BrokerUnavailable, NoReply, Reply, Unroutable
from tests.gateway.shop import NOW, USER, SentMessage, done, open_shop, signed_in

ORDER = {"orderId": str(uuid4()), "item": "tea"}


def raising(error: Exception) -> Callable[[SentMessage], Reply]:
    def fail(message: SentMessage) -> Reply:
        raise error

    return fail


async def test_a_result_passes_through_byte_for_byte() -> None:
    shop = open_shop()
    body = b'{ "orderId": "1",  "odd": 1.50 }'
    shop.bus.reply = lambda message: Reply("done", 200, {}, body)
    response = await shop.client.get("/v1/orders/latest", headers=signed_in())
    assert (response.status_code, response.content) == (200, body)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["vary"] == "Authorization, Origin"


async def test_a_created_resource_has_a_location() -> None:
    shop = open_shop()
    shop.bus.reply = lambda message: done(ORDER, 201)
    response = await shop.place()
    assert response.status_code == 201
    assert response.headers["location"] == f"/v1/orders/{ORDER['orderId']}"
    assert response.headers["cache-control"] == "private, no-store"


async def test_an_unchanged_response_is_304() -> None:
    shop = open_shop()
    shop.bus.reply = lambda message: done(ORDER)
    first = await shop.client.get("/v1/orders/latest", headers=signed_in())
    same = await shop.client.get("/v1/orders/latest", headers=signed_in(If_None_Match=f'"other", W/{first.headers["etag"]}'))
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == first.headers["etag"]
    shop.bus.reply = lambda message: done({**ORDER, "item": "milk"})
    changed = await shop.client.get("/v1/orders/latest", headers=signed_in(If_None_Match=first.headers["etag"]))
    assert changed.status_code == 200 and changed.headers["etag"] != first.headers["etag"]


async def test_public_documents_may_be_cached() -> None:
    shop = open_shop()
    shop.bus.reply = lambda message: done({"keys": []})
    assert (await shop.client.get("/.well-known/keys.json")).headers["cache-control"] == "public, max-age=300"


async def test_a_rejection_gets_instance_and_request_id() -> None:
    shop = open_shop()
    problem = {"type": "/problems/sold-out", "title": "The last one is gone", "status": 409, "detail": "No tea.", "retryAfter": 7}
    problem["errors"] = [{"pointer": "/item", "detail": "is gone", "in": "body"}]
    shop.bus.reply = lambda message: Reply("rejected", 409, {}, json.dumps(problem).encode())
    response = await shop.place()
    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"] == "7"
    assert response.json() == {
        "type": "/problems/sold-out",
        "title": "The last one is gone",
        "status": 409,
        "detail": "No tea.",
        "errors": [{"in": "body", "pointer": "/item", "detail": "is gone"}],
        "instance": "/v1/orders",
        "requestId": response.headers["x-request-id"],
    }


async def test_a_token_rejected_by_the_function_returns_a_challenge() -> None:
    shop = open_shop()
    shop.bus.reply = lambda message: Reply("rejected", 401, {}, b'{"type":"/problems/unauthenticated","title":"t","status":401}')
    assert 'error="invalid_token"' in (await shop.place()).headers["www-authenticate"]


@pytest.mark.parametrize(
    ("error", "reads", "writes"),
    [
        (BrokerUnavailable("gone"), (503, "unavailable"), (503, "unavailable")),
        (Unroutable("x"), (503, "unavailable"), (503, "unavailable")),
        (NoReply("late"), (504, "no-answer"), (504, "outcome-unknown")),
    ],
)
async def test_a_missing_reply_is_503_or_504(error: Exception, reads: tuple[int, str], writes: tuple[int, str]) -> None:
    shop = open_shop()
    shop.bus.reply = raising(error)
    read = await shop.client.get("/v1/orders", headers=signed_in())
    write = await shop.place()
    for response, (status, slug) in ((read, reads), (write, writes)):
        assert (response.status_code, response.json()["type"]) == (status, f"/problems/{slug}")
        assert int(response.headers["retry-after"]) > 0


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]"])
async def test_a_failure_without_a_document_is_an_internal_error(body: bytes) -> None:
    shop = open_shop()
    shop.bus.reply = lambda message: Reply("failed", 500, {}, body)
    response = await shop.place()
    assert (response.status_code, response.json()["type"]) == (500, "/problems/internal-error")


async def test_a_fault_of_the_gateway_reveals_no_details(capfd: pytest.CaptureFixture[str]) -> None:
    shop = open_shop()
    shop.bus.reply = raising(RuntimeError("an internal detail"))
    response = await shop.place()
    assert (response.status_code, response.json()["type"]) == (500, "/problems/internal-error")
    assert "an internal detail" not in response.text
    fault = next(line for line in await lines(capfd) if line["log"] == "fault")
    assert fault["correlation"] == response.headers["x-request-id"]
    assert "an internal detail" in fault["stack"]


async def test_requests_above_the_concurrency_limit_get_503_with_retry_after() -> None:
    shop = open_shop(Options(concurrency=0))
    response = await shop.place()
    assert (response.status_code, response.json()["type"], response.headers["retry-after"]) == (503, "/problems/unavailable", "1")
    assert shop.bus.sent == []


async def test_plain_http_is_refused_at_the_public_host_only() -> None:
    """One gateway answers at other names too, such as 127.0.0.1 and localhost with other ports of the machine."""
    options = Options.read(Settings({"CAPSULE_PUBLIC_URL": "https://capsule.test"}))
    shop = open_shop(options)
    assert (await shop.client.get("/nowhere")).headers["strict-transport-security"] == "max-age=31536000"
    for host in ("localhost:3000", "other.test", "127.0.0.1"):
        assert "strict-transport-security" not in (await shop.client.get("/nowhere", headers={"host": host})).headers
    assert "strict-transport-security" not in (await open_shop().client.get("/nowhere")).headers


async def test_every_response_has_security_headers() -> None:
    shop = open_shop()
    for response in (await shop.place(), await shop.client.get("/nowhere"), await shop.client.get("/docs"), await shop.client.get("/livez")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["content-security-policy"].startswith("default-src 'none'")
        assert response.headers["server-timing"].startswith("total;dur=")


async def test_only_listed_origins_may_read_responses() -> None:
    closed, shop = open_shop(), open_shop(Options(cors_origins=frozenset({"https://panel.test"})))
    panel, stranger = signed_in(Origin="https://panel.test"), signed_in(Origin="https://stranger.test")
    assert "access-control-allow-origin" not in (await closed.client.get("/v1/orders", headers=panel)).headers
    assert (await shop.client.get("/v1/orders", headers=panel)).headers["access-control-allow-origin"] == "https://panel.test"
    assert "access-control-allow-origin" not in (await shop.client.get("/v1/orders", headers=stranger)).headers
    preflight = await shop.client.options("/v1/orders", headers={"Origin": "https://panel.test", "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert {"Idempotency-Key", "Last-Event-ID"} <= set(preflight.headers["access-control-allow-headers"].split(", "))


async def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    await asyncio.sleep(0)  # lines are written at the end of the event loop's turn
    return [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]


async def test_a_change_writes_one_log_line(capfd: pytest.CaptureFixture[str]) -> None:
    shop = open_shop()
    await shop.client.post("/v1/orders?token=secret", json={"item": "tea"}, headers=signed_in(X_Request_Id="client-request-1"))
    (line,) = await lines(capfd)
    assert line.pop("ms") > 0
    assert line.pop("trace") == shop.bus.sent[0].headers["traceparent"].split("-")[1]
    assert line == {
        "log": "request",
        "at": NOW.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "method": "POST",
        "path": "/v1/orders",
        "route": "/v1/orders",
        "status": 200,
        "bytes": 2,
        "correlation": "client-request-1",
        "actor": str(USER),
    }


async def test_successful_reads_are_logged_only_if_configured_and_probes_never(capfd: pytest.CaptureFixture[str]) -> None:
    quiet, loud = open_shop(), open_shop(Options(log_reads=True))
    for shop in (quiet, loud):
        for path in ("/livez", "/readyz", "/health", "/v1/orders"):
            await shop.client.get(path, headers=signed_in())
    assert [line["path"] for line in await lines(capfd)] == ["/v1/orders"]
    await quiet.client.get("/v1/orders")
    assert [line["status"] for line in await lines(capfd)] == [401]


async def test_the_instance_of_a_functions_refusal_is_a_uri_reference() -> None:
    shop = open_shop()
    shop.bus.reply = lambda message: Reply("rejected", 404, {}, b'{"type": "/problems/x", "title": "X", "status": 404, "detail": "x"}')
    response = await shop.client.get("/v1/orders/%22%20%E2%82%AC%0A", headers=signed_in())
    assert response.json()["instance"] in ("/v1/orders/%22%20%E2%82%AC%0A",), response.text


async def test_a_header_has_no_control_characters() -> None:
    response = BytesResponse(200)
    response.add("location", "/a\r\nX: b\x00\x7fé")
    assert response.raw_headers[-1] == (b"location", b"/a??X: b??\xe9")
