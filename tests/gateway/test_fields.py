"""Field selection: which fields a response has, and how a typing error is answered."""

from typing import Any

import orjson
import pytest

from functions.edge.gateway.fields import parse, select, valid_fields
from functions.edge.gateway.problems import Problem
from functions.edge.gateway.routing import Route, Table
from functions.runtime.config.registry import Registry
from tests.gateway.shop import USER, done, open_shop, signed_in

ROUTES = {route.path: route for route in Table(Registry.load().declarations).routes if route.method == "GET"}
APPLICATIONS = ROUTES["/v1/apps"]
PLANS = ROUTES["/v1/billing/plans"]


def selected(route: Route, text: str, document: Any) -> Any:
    return orjson.loads(select(route, parse(route, text), orjson.dumps(document)))


def test_an_item_of_a_page_has_the_selected_fields_and_the_page_its_cursor() -> None:
    page = {"items": [{"id": "1", "name": "a", "team": None}, {"id": "2", "name": "b", "team": None}], "next": "2"}
    assert selected(APPLICATIONS, "name, id", page) == {"items": [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}], "next": "2"}


def test_dots_select_within_objects_and_lists_of_them() -> None:
    tier = {"upTo": 1, "amount": {"amountMinor": 5, "currency": "eur"}, "per": 1}
    plan = {"code": "pro", "name": "Pro", "fee": {"amountMinor": 5, "currency": "eur"}, "prices": [{"meter": "x", "tiers": [tier, tier]}]}
    assert selected(PLANS, "code,prices.tiers.per", {"items": [plan]})["items"] == [{"code": "pro", "prices": [{"tiers": [{"per": 1}, {"per": 1}]}]}]
    for both in ("fee,fee.currency", "fee.currency,fee"):
        assert selected(PLANS, both, {"items": [plan]})["items"] == [{"fee": plan["fee"]}], "the whole field counts"


@pytest.mark.parametrize(
    ("route", "text", "detail"),
    [
        (PLANS, "code,nmae", 'The response has no field "nmae". Its fields: allowed, code, fee, name, prices, version.'),
        (PLANS, "prices.teirs", '"prices" has no field "teirs". Its fields: included, meter, tiers.'),
        (PLANS, "code.length", '"code" has no field "length". It has no fields to select.'),
        (PLANS, "", 'The response has no field "". Its fields: allowed, code, fee, name, prices, version.'),
        (PLANS, "items", 'The response has no field "items". Its fields: allowed, code, fee, name, prices, version.'),
    ],
)
def test_a_field_that_does_not_exist_is_answered_with_those_that_do(route: Route, text: str, detail: str) -> None:
    with pytest.raises(Problem) as raised:
        parse(route, text)
    assert (raised.value.kind.status, raised.value.kind.slug, raised.value.detail) == (400, "unknown-field", detail)
    assert raised.value.errors[0].pointer == "/fields"


def test_every_json_response_of_a_query_has_fields_but_standard_documents() -> None:
    without = {path for path, route in ROUTES.items() if not route.has_fields}
    assert without == {
        "/.well-known/jwks.json",
        "/v1/billing/invoices/{invoiceId}/pdf",
        "/v1/billing/invoices/{invoiceId}/credit-notes/{creditNoteId}/pdf",
        "/v1/apps/{applicationId}/logs",
        "/v1/functions/logs",
        "/v1/operations/{operationId}/events",
        "/v1/operations/auth/{operationId}/events",
        "/v1/operations/billing/{operationId}/events",
        "/v1/operations/monitor/{operationId}/events",
    }
    assert all(valid_fields(route.output) for route in ROUTES.values() if route.has_fields)


async def test_a_selection_has_an_etag_of_its_own_and_an_error_does_not_reach_the_function() -> None:
    shop = open_shop()
    shop.bus.reply = lambda message: done({"orderId": str(USER), "item": "tea"})
    whole = await shop.client.get("/v1/orders/latest", headers=signed_in())
    part = await shop.client.get("/v1/orders/latest?fields=item", headers=signed_in())
    assert part.content == b'{"item":"tea"}' and part.headers["etag"] != whole.headers["etag"]
    assert shop.bus.sent[0].body == shop.bus.sent[1].body, "the function's input has no selection"
    again = await shop.client.get("/v1/orders/latest?fields=item", headers=signed_in(If_None_Match=part.headers["etag"]))
    assert again.status_code == 304

    sent = len(shop.bus.sent)
    wrong = await shop.client.get("/v1/orders/latest?fields=price", headers=signed_in())
    assert (wrong.status_code, wrong.json()["type"]) == (400, "/problems/unknown-field")
    assert "item, orderId" in wrong.json()["detail"]
    twice = await shop.client.get("/v1/orders/latest?fields=item&fields=orderId", headers=signed_in())
    assert twice.status_code == 422
    assert len(shop.bus.sent) == sent


async def test_a_list_without_a_page_has_its_items_selected() -> None:
    shop = open_shop()
    shop.bus.reply = lambda message: done([{"orderId": str(USER), "item": "tea"}])
    assert (await shop.client.get("/v1/orders?fields=item", headers=signed_in())).json() == [{"item": "tea"}]
