"""Parsing of requests: every fault is in the problem document, and invalid requests publish nothing."""

import json
from typing import Any
from uuid import uuid4

import pytest

from functions.edge.gateway.options import Options
from functions.edge.gateway.parsing import _is_deeper_than
from tests.gateway.shop import TOKEN, USER, done, open_shop, signed_in

ORDER = str(uuid4())


async def test_a_valid_request_becomes_one_message() -> None:
    shop = open_shop()
    response = await shop.place({"item": "tea", "count": 2}, User_Agent="kettle/1")

    assert response.status_code == 200
    (message,) = shop.bus.sent
    assert message.routing_key == message.headers["type"] == "shop.place_order"
    assert message.input == {"item": "tea", "count": 2}
    assert message.headers["token"] == TOKEN
    assert message.headers["actor"] == str(USER)
    assert message.headers["deadline"] == "2026-05-01T12:00:10.000Z"
    assert message.headers["remote"] == "192.0.2.7"
    assert message.headers["useragent"] == "kettle/1"
    assert message.headers["content-type"] == "application/json"
    assert message.timeout == 10.0


async def test_header_names_are_lower_case_letters_and_digits() -> None:
    """The broker's dispatcher acknowledges and drops a message with any other header name."""
    shop = open_shop()
    await shop.place()
    names = set(shop.bus.sent[0].headers) - {"content-type"}
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
async def test_a_body_that_is_not_a_json_object_is_rejected(body: bytes, content_type: str, status: int, problem: str) -> None:
    shop = open_shop()
    response = await shop.client.post("/v1/orders", content=body, headers=signed_in(Content_Type=content_type))
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["type"] == f"/problems/{problem}"
    assert document["status"] == status
    assert document["instance"] == "/v1/orders"
    assert document["requestId"] == response.headers["x-request-id"]
    assert shop.bus.sent == []


@pytest.mark.parametrize(
    ("body", "errors"),
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
async def test_every_fault_has_a_json_pointer(body: Any, errors: list[tuple[str, str]]) -> None:
    shop = open_shop()
    response = await shop.place(body)
    assert response.status_code == 422
    assert [(fault["pointer"], fault["in"]) for fault in response.json()["errors"]] == errors
    assert shop.bus.sent == []


@pytest.mark.parametrize("count", ["5", "5.00", True])
async def test_a_text_or_truth_value_is_no_number(count: Any) -> None:
    """A refund of "5.00" would be one of 5 cents."""
    shop = open_shop()
    response = await shop.place({"item": "tea", "count": count})
    assert response.status_code == 422
    assert response.json()["errors"] == [{"pointer": "/count", "detail": "must be a whole number, as in 5, without quotation marks", "in": "body"}]
    assert shop.bus.sent == []


async def test_a_number_without_a_fraction_is_an_integer() -> None:
    shop = open_shop()
    assert (await shop.place({"item": "tea", "count": 5.0})).status_code == 200


async def test_all_kinds_of_faults_are_named_at_once() -> None:
    shop = open_shop()
    response = await shop.client.patch("/v1/orders/seven", json={"count": "x", "colour": "red", "item\u0000": 1}, headers=signed_in())
    assert [(error["pointer"], error["in"]) for error in response.json()["errors"]] == [
        ("/colour", "body"), ("/item\u0000", "body"), ("/orderId", "path"), ("/count", "body"),
    ]  # fmt: skip
    response = await shop.place({"item": "te\u0000a", "count": 10, "colour": "red"})
    assert [error["pointer"] for error in response.json()["errors"]] == ["/colour", "/count", "/item"]
    assert shop.bus.sent == []


@pytest.mark.parametrize("depth", [101, 255, 400, 1500, 100_000])
@pytest.mark.parametrize("opening_and_closing", [("[", "]"), ('{"a":', "}")])
async def test_a_body_that_is_nested_too_deep_is_rejected(depth: int, opening_and_closing: tuple[str, str]) -> None:
    shop = open_shop()
    opening, closing = opening_and_closing
    body = '{"item": ' + opening * depth + "1" + closing * depth + "}"
    response = await shop.client.post("/v1/orders", content=body.encode(), headers=signed_in(Content_Type="application/json"))
    assert (response.status_code, response.json()["type"]) == (422, "/problems/invalid")
    assert response.json()["detail"] == "The body is nested deeper than 100 levels."
    assert shop.bus.sent == []


async def test_a_body_of_many_flat_lists_is_valid() -> None:
    shop = open_shop()
    response = await shop.place({"item": "tea", "tags": ["[" * 500]})
    assert response.status_code == 200
    assert _is_deeper_than([[[]]], 3) is False and _is_deeper_than([[[]]], 2) is True and _is_deeper_than({"a": {"b": 1}}, 2) is False


async def test_an_escaped_backslash_before_u0000_is_valid_text() -> None:
    shop = open_shop()
    assert (await shop.place({"item": "a\\u0000"})).status_code == 200


async def test_a_path_parameter_is_validated_and_not_accepted_in_the_body() -> None:
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
    assert shop.bus.sent[-1].input == {"orderId": ORDER, "count": 3}


async def test_query_parameters_are_validated() -> None:
    shop = open_shop()
    assert (await shop.client.get("/v1/orders?limit=5&item=tea&item=milk", headers=signed_in())).status_code == 200
    assert shop.bus.sent[-1].input == {"limit": "5", "item": ["tea", "milk"]}

    for query, pointer in (("limit=many", "/limit"), ("limit=101", "/limit"), ("limit=1&limit=2", "/limit"), ("colour=red", "/colour")):
        refused = await shop.client.get(f"/v1/orders?{query}", headers=signed_in())
        assert (refused.status_code, refused.json()["errors"][0]["pointer"], refused.json()["errors"][0]["in"]) == (422, pointer, "query")


async def test_a_literal_segment_takes_precedence_over_a_parameter() -> None:
    shop = open_shop()
    await shop.client.get("/v1/orders/latest", headers=signed_in())
    assert shop.bus.sent[-1].routing_key == "shop.latest_order"


async def test_a_body_over_the_limit_is_rejected_with_and_without_content_length() -> None:
    shop = open_shop(Options(body_limit=100))
    assert (await shop.place({"item": "tea", "tags": ["x" * 100]})).status_code == 413

    async def chunks() -> Any:
        for _ in range(20):
            yield b" " * 10

    unannounced = await shop.client.post("/v1/orders", content=chunks(), headers=signed_in(Content_Type="application/json"))
    assert unannounced.status_code == 413
    assert shop.bus.sent == []


async def test_unknown_paths_are_404_and_unsupported_methods_405() -> None:
    shop = open_shop()
    for path in ("/v1/nothing", "/v1/orders/", f"/v1/orders/{ORDER}/", "/v1/orders//x", "/problems/no-such-problem"):
        missing = await shop.client.get(path, headers=signed_in())
        assert (path, missing.status_code, missing.json()["type"]) == (path, 404, "/problems/no-such-route")
    wrong = await shop.client.put("/v1/orders", json={}, headers=signed_in())
    assert wrong.status_code == 405
    assert wrong.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert (await shop.client.options("/v1/orders")).headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert (await shop.client.post("/livez")).status_code == 405


async def test_a_secret_is_encrypted_and_not_part_of_the_fingerprint() -> None:
    shop = open_shop()
    for password in ("first", "other"):
        await shop.client.post("/v1/sign-ins", json={"name": "ada", "password": password})
    first, second = shop.bus.sent
    assert first.input == {"name": "ada", "password": "sealed:shop:1:5"}
    assert "first" not in first.body.decode() and "first" not in json.dumps(dict(first.headers))
    assert first.body != second.body
    assert first.headers["fingerprint"] == second.headers["fingerprint"]


async def test_an_invalid_secret_is_not_echoed() -> None:
    shop = open_shop()
    response = await shop.client.post("/v1/sign-ins", json={"name": "ada", "password": ["hunter2"]})
    assert response.status_code == 422
    assert "hunter2" not in response.text


async def test_204_has_no_content() -> None:
    shop = open_shop()
    shop.bus.reply = lambda message: done(None, 204)
    response = await shop.client.delete(f"/v1/orders/{ORDER}", headers=signed_in())
    assert (response.status_code, response.content) == (204, b"")
    assert "content-length" not in response.headers
