"""What a client may send, and what becomes of it: every fault has its own problem document, and nothing faulty is published."""

import json
from typing import Any
from uuid import uuid4

import pytest

from functions.edge.gateway.options import Options
from tests.gateway.shop import TOKEN, USER, done, open_shop, signed_in

ORDER = str(uuid4())


async def test_a_valid_request_becomes_one_message() -> None:
    shop = open_shop()
    response = await shop.place({"item": "tea", "count": 2}, User_Agent="kettle/1")

    assert response.status_code == 200
    (asked,) = shop.bus.asked
    assert asked.routing_key == asked.headers["type"] == "shop.place_order"
    assert asked.input == {"item": "tea", "count": 2}
    assert asked.headers["token"] == TOKEN
    assert asked.headers["actor"] == str(USER)
    assert asked.headers["deadline"] == "2026-05-01T12:00:10.000Z"
    assert asked.headers["remote"] == "192.0.2.7"
    assert asked.headers["useragent"] == "kettle/1"
    assert asked.headers["content-type"] == "application/json"
    assert asked.timeout == 10.0


async def test_header_names_survive_the_broker() -> None:
    """The dispatcher acknowledges and loses a message with any other header name."""
    shop = open_shop()
    await shop.place()
    names = set(shop.bus.asked[0].headers) - {"content-type"}
    assert all(name.isalnum() and name == name.lower() for name in names)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "problem"),
    [
        (b"{", "application/json", 400, "invalid-json"),
        (b'{"item": NaN}', "application/json", 400, "invalid-json"),
        (b"\xff\xfe", "application/json", 400, "invalid-json"),
        (b"[1]", "application/json", 422, "invalid"),
        (b"item=tea", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        (b'{"item": "tea"}', "", 415, "unsupported-media-type"),
        (b'{"item": "tea"}', "application/json; charset=latin-1", 415, "unsupported-media-type"),
        (b"", "application/json", 422, "invalid"),
    ],
)
async def test_what_is_no_json_object_is_refused(body: bytes, content_type: str, status: int, problem: str) -> None:
    shop = open_shop()
    response = await shop.client.post("/v1/orders", content=body, headers=signed_in(Content_Type=content_type))
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["type"] == f"/problems/{problem}"
    assert document["status"] == status
    assert document["instance"] == "/v1/orders"
    assert document["requestId"] == response.headers["x-request-id"]
    assert shop.bus.asked == []


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, [("/item", "body")]),
        ({"item": "t"}, [("/item", "body")]),
        ({"item": 7, "count": "many"}, [("/item", "body"), ("/count", "body")]),
        ({"item": "tea", "count": 10}, [("/count", "body")]),
        ({"item": "tea", "colour": "red"}, [("/colour", "body")]),
        ({"item": "tea", "a/b~c": 1}, [("/a~1b~0c", "body")]),
        ({"item": "tea", "tags": ["a", 1]}, [("/tags/1", "body")]),
        ({"item": "te\u0000a"}, [("/item", "body")]),
    ],
)
async def test_every_fault_has_a_pointer(body: Any, faults: list[tuple[str, str]]) -> None:
    shop = open_shop()
    response = await shop.place(body)
    assert response.status_code == 422
    assert [(fault["pointer"], fault["in"]) for fault in response.json()["errors"]] == faults
    assert shop.bus.asked == []


async def test_a_backslash_u_in_a_text_is_only_a_text() -> None:
    shop = open_shop()
    assert (await shop.place({"item": "a\\u0000"})).status_code == 200


async def test_a_path_parameter_is_typed_and_belongs_to_the_path() -> None:
    shop = open_shop()
    wrong = await shop.client.get("/v1/orders/seven", headers=signed_in())
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0] | {"detail": ""} == {"pointer": "/orderId", "detail": "", "in": "path"}

    twice = await shop.client.patch(f"/v1/orders/{ORDER}", json={"orderId": str(uuid4()), "count": 1}, headers=signed_in())
    assert [fault["pointer"] for fault in twice.json()["errors"]] == ["/orderId"]
    snake = await shop.client.patch(f"/v1/orders/{ORDER}", json={"order_id": str(uuid4()), "count": 1}, headers=signed_in())
    assert snake.status_code == 422

    right = await shop.client.patch(f"/v1/orders/{ORDER}", json={"count": 3}, headers=signed_in())
    assert right.status_code == 200
    assert shop.bus.asked[-1].input == {"orderId": ORDER, "count": 3}


async def test_query_parameters() -> None:
    shop = open_shop()
    assert (await shop.client.get("/v1/orders?limit=5&item=tea&item=milk", headers=signed_in())).status_code == 200
    assert shop.bus.asked[-1].input == {"limit": "5", "item": ["tea", "milk"]}

    for query, pointer in (("limit=many", "/limit"), ("limit=101", "/limit"), ("limit=1&limit=2", "/limit"), ("colour=red", "/colour")):
        refused = await shop.client.get(f"/v1/orders?{query}", headers=signed_in())
        assert (refused.status_code, refused.json()["errors"][0]["pointer"], refused.json()["errors"][0]["in"]) == (422, pointer, "query")


async def test_a_literal_segment_comes_before_a_parameter() -> None:
    shop = open_shop()
    await shop.client.get("/v1/orders/latest", headers=signed_in())
    assert shop.bus.asked[-1].routing_key == "shop.latest_order"


async def test_a_body_over_the_limit_is_refused_whether_announced_or_not() -> None:
    shop = open_shop(Options(body_limit=100))
    assert (await shop.place({"item": "tea", "tags": ["x" * 100]})).status_code == 413

    async def chunks() -> Any:
        for _ in range(20):
            yield b" " * 10

    unannounced = await shop.client.post("/v1/orders", content=chunks(), headers=signed_in(Content_Type="application/json"))
    assert unannounced.status_code == 413
    assert shop.bus.asked == []


async def test_unknown_paths_and_methods() -> None:
    shop = open_shop()
    for path in ("/v1/nothing", "/v1/orders/", f"/v1/orders/{ORDER}/", "/v1/orders//x", "/problems/no-such-problem"):
        missing = await shop.client.get(path, headers=signed_in())
        assert (path, missing.status_code, missing.json()["type"]) == (path, 404, "/problems/no-such-route")
    wrong = await shop.client.put("/v1/orders", json={}, headers=signed_in())
    assert wrong.status_code == 405
    assert wrong.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert (await shop.client.options("/v1/orders")).headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert (await shop.client.post("/livez")).status_code == 405


async def test_a_secret_leaves_sealed_and_its_fingerprint_tells_nothing_of_it() -> None:
    shop = open_shop()
    for password in ("first", "other"):
        await shop.client.post("/v1/logins", json={"name": "ada", "password": password})
    first, second = shop.bus.asked
    assert first.input == {"name": "ada", "password": "sealed:shop:1:5"}
    assert "first" not in first.body.decode() and "first" not in json.dumps(dict(first.headers))
    assert first.body != second.body
    assert first.headers["fingerprint"] == second.headers["fingerprint"]


async def test_a_refused_secret_is_not_repeated() -> None:
    shop = open_shop()
    response = await shop.client.post("/v1/logins", json={"name": "ada", "password": ["hunter2"]})
    assert response.status_code == 422
    assert "hunter2" not in response.text


async def test_no_content() -> None:
    shop = open_shop()
    shop.bus.answer = lambda asked: done(None, 204)
    response = await shop.client.delete(f"/v1/orders/{ORDER}", headers=signed_in())
    assert (response.status_code, response.content) == (204, b"")
    assert "content-length" not in response.headers
