"""Former versions of a route beside the current one: requests and responses of their shape, and what says that they are deprecated."""

from dataclasses import replace
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.describe.catalog import Catalog
from functions.describe.openapi import document
from functions.edge.gateway.routing import AmbiguousRoute, Table
from functions.kernel import Caller, Conflict, Done, FormerVersion, Model, Page, Payload, command, query, upcast, upcasts
from functions.kernel.decorators import declarations_of
from functions.runtime.config.registry import Registry, find
from functions.runtime.messaging.bus import Reply
from tests.gateway.shop import Shop, declarations, done, open_shop, signed_in

DEPRECATED_ON, SUNSET_ON = date(2026, 5, 1), date(2027, 5, 1)


class Money(Model):
    amount_minor: int
    currency: str


class SendParcel(Model):
    order_id: UUID
    address: str
    value: Money


class SendParcelV1(Model):
    order_id: UUID
    address: str
    cents: int


class Parcel(Model):
    id: UUID
    value: Money


class ParcelV1(Model):
    id: UUID
    cents: int


class FindParcel(Model):
    id: UUID


class ListParcels(Model):
    cursor: str | None = None


class ParcelLost(Conflict):
    """The parcel is lost."""


def to_parcel_v1(payload: Payload) -> Payload:
    return {"id": payload["id"], "cents": payload["value"]["amountMinor"]}


def to_parcels_v1(payload: Payload) -> Payload:
    return {**payload, "items": [to_parcel_v1(each) for each in payload["items"]]}


@upcasts("shop.send_parcel", from_=1)
def nest_value(payload: Payload) -> Payload:
    return {"value": {"amountMinor": payload.pop("cents"), "currency": "eur"}, **payload}


@command(
    http="POST /v2/orders/{order_id}/parcels",
    status=201,
    rejects=[ParcelLost],
    version=2,
    former=[
        FormerVersion(
            "POST /v1/orders/{order_id}/parcels", DEPRECATED_ON, SUNSET_ON, request=SendParcelV1, response=ParcelV1, to_response=to_parcel_v1
        )
    ],
)
async def send_parcel(request: SendParcel, caller: Caller) -> Done[Parcel]:
    """Send a parcel."""
    raise NotImplementedError


@query(
    http="GET /v2/parcels/{id}",
    former=[FormerVersion("GET /v1/parcels/{id}", DEPRECATED_ON, response=ParcelV1, to_response=to_parcel_v1, documentation="/docs#parcels")],
)
async def parcel(request: FindParcel, caller: Caller) -> Parcel:
    """Show a parcel."""
    raise NotImplementedError


@query(
    http="GET /v2/parcels", former=[FormerVersion("GET /v1/parcels", DEPRECATED_ON, SUNSET_ON, response=Page[ParcelV1], to_response=to_parcels_v1)]
)
async def parcels(request: ListParcels, caller: Caller) -> Page[Parcel]:
    """List parcels."""
    raise NotImplementedError


def registry() -> Registry:
    found = list(declarations())
    for handler in (send_parcel, parcel, parcels):
        handler.__module__ = f"functions.shop.commands.{handler.__name__}"
        found.extend(declarations_of(handler))
    return Registry(tuple(found))


ORDER, PARCEL = uuid4(), {"id": str(uuid4()), "value": {"amountMinor": 250, "currency": "eur"}}
PARCEL_V1 = {"id": PARCEL["id"], "cents": 250}


@pytest.fixture
def shop() -> Shop:
    shop = open_shop(registry=registry())
    shop.bus.reply = lambda message: done(PARCEL, 201 if message.routing_key == "shop.send_parcel" else 200)
    return shop


async def test_a_request_is_sent_as_the_version_that_it_was_made_for(shop: Shop) -> None:
    old = await shop.client.post(f"/v1/orders/{ORDER}/parcels", json={"address": "x", "cents": 250}, headers=signed_in())
    new = await shop.client.post(f"/v2/orders/{ORDER}/parcels", json={"address": "x", "value": PARCEL["value"]}, headers=signed_in())
    assert (old.status_code, old.json(), new.status_code, new.json()) == (201, PARCEL_V1, 201, PARCEL)
    former, current = shop.bus.sent
    assert (former.routing_key, former.headers.get("dataversion"), current.headers.get("dataversion")) == ("shop.send_parcel", None, "2"), "none is 1"
    assert upcast("shop.send_parcel", former.input, 1, 2) == current.input
    assert old.headers["location"] == f"/v1/parcels/{PARCEL['id']}" and new.headers["location"] == f"/v2/parcels/{PARCEL['id']}"


async def test_each_version_validates_with_its_own_model(shop: Shop) -> None:
    for version, body, pointers in (
        ("v1", {"address": "x", "value": PARCEL["value"]}, {"/value", "/cents"}),
        ("v2", {"address": "x", "cents": 1}, {"/value", "/cents"}),
    ):
        response = await shop.client.post(f"/{version}/orders/{ORDER}/parcels", json=body, headers=signed_in())
        assert response.status_code == 422 and {each["pointer"] for each in response.json()["errors"]} == pointers
    assert shop.bus.sent == []


async def test_one_key_is_one_request_in_all_versions(shop: Shop) -> None:
    key = str(uuid4())
    await shop.client.post(f"/v1/orders/{ORDER}/parcels", json={"address": "x", "cents": 250}, headers=signed_in(Idempotency_Key=key))
    await shop.client.post(f"/v2/orders/{ORDER}/parcels", json={"address": "x", "value": PARCEL["value"]}, headers=signed_in(Idempotency_Key=key))
    former, current = shop.bus.sent
    assert former.headers["id"] == current.headers["id"]


async def test_a_former_version_says_since_when_until_when_and_what_takes_its_place(shop: Shop) -> None:
    response = await shop.client.get(f"/v1/parcels/{PARCEL['id']}", headers=signed_in())
    assert response.json() == PARCEL_V1
    assert response.headers["deprecation"] == f"@{int(datetime(2026, 5, 1, tzinfo=UTC).timestamp())}"
    assert "sunset" not in response.headers, "not decided"
    assert response.headers["link"] == (
        f'</docs#parcels>; rel="deprecation"; type="text/html", </v2/parcels/{PARCEL["id"]}>; rel="successor-version"'
    )
    shop.bus.reply = lambda message: done({"items": [PARCEL], "next": "7"})
    page = await shop.client.get("/v1/parcels", headers=signed_in())
    assert page.json() == {"items": [PARCEL_V1], "next": "7"}
    assert parsedate_to_datetime(page.headers["sunset"]) == datetime(2027, 5, 1, tzinfo=UTC)
    assert {'rel="first"', 'rel="next"', 'rel="deprecation"', 'rel="successor-version"'} <= {
        part.split(">; ")[1].split(";")[0] for part in page.headers["link"].split(", ")
    }

    shop.bus.reply = lambda message: done(PARCEL)
    current = await shop.client.get(f"/v2/parcels/{PARCEL['id']}", headers=signed_in())
    assert not {"deprecation", "sunset", "link"} & set(current.headers)


async def test_refusals_of_a_former_version_are_marked_too(shop: Shop) -> None:
    shop.bus.reply = lambda message: Reply("rejected", 409, {}, b'{"type":"/problems/parcel-lost","title":"t","status":409,"detail":"d"}')
    lost = await shop.client.post(f"/v1/orders/{ORDER}/parcels", json={"address": "x", "cents": 250}, headers=signed_in())
    assert (lost.status_code, lost.json()["type"]) == (409, "/problems/parcel-lost")
    unauthenticated = await shop.client.get("/v1/parcels")
    for response in (lost, unauthenticated):
        assert response.headers["deprecation"].startswith("@") and 'rel="successor-version"' in response.headers["link"]


async def test_fields_are_those_of_the_version(shop: Shop) -> None:
    old = await shop.client.get(f"/v1/parcels/{PARCEL['id']}?fields=cents", headers=signed_in())
    new = await shop.client.get(f"/v2/parcels/{PARCEL['id']}?fields=value.currency", headers=signed_in())
    assert (old.json(), new.json()) == ({"cents": 250}, {"value": {"currency": "eur"}})
    wrong = await shop.client.get(f"/v1/parcels/{PARCEL['id']}?fields=value", headers=signed_in())
    assert "cents, id" in wrong.json()["detail"]
    assert old.headers["etag"] != new.headers["etag"]


def test_openapi_has_both_and_marks_the_former_as_deprecated() -> None:
    declarations = [replace(each, context_name="auth") for handler in (send_parcel, parcel, parcels) for each in declarations_of(handler)]
    paths: dict[str, Any] = document(Catalog.of(declarations))["paths"]
    former, current = paths["/v1/orders/{orderId}/parcels"]["post"], paths["/v2/orders/{orderId}/parcels"]["post"]
    assert (former["operationId"], current["operationId"]) == ("auth_send_parcel_v1", "auth_send_parcel")
    assert former["deprecated"] is True and "deprecated" not in current
    assert former["description"] == "Deprecated since 2026-05-01: use `POST /v2/orders/{orderId}/parcels`. It answers until 2027-05-01."
    assert set(former["requestBody"]["content"]["application/json"]["schema"]["properties"]) == {"address", "cents"}
    response = former["responses"]["201"]
    assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ParcelV1"}
    assert {"Deprecation", "Sunset", "Link", "Location"} <= set(response["headers"])


def test_a_version_without_its_model_or_that_ends_before_it_begins_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match="belong together"):
        FormerVersion("GET /v1/x", DEPRECATED_ON, response=ParcelV1)
    with pytest.raises(TypeError, match="is not after the deprecation"):
        FormerVersion("GET /v1/x", DEPRECATED_ON, DEPRECATED_ON)
    (declaration,) = declarations_of(query(http="GET /v2/x/{id}", former=[FormerVersion("GET /v1/x/{name}", DEPRECATED_ON)])(_undeclared()))
    with pytest.raises(TypeError, match="not a field of its input"):
        Table([declaration])
    (declaration,) = declarations_of(query(http="GET /v2/x/{id}", former=[FormerVersion("GET /v2/x/{id}", DEPRECATED_ON)])(_undeclared()))
    with pytest.raises(AmbiguousRoute):
        Table([declaration])


def _undeclared() -> Any:
    async def x(request: FindParcel, caller: Caller) -> Parcel:
        raise NotImplementedError

    x.__module__ = "functions.shop.queries.x"
    return x


def test_the_logs_of_version_1_filter_by_fields_which_is_where_today() -> None:
    for name in ("monitor.logs", "monitor.function_logs"):
        current, former = Table([find(name)]).routes
        assert current.rest - former.rest == {"where"} and former.rest - current.rest == {"fields"}
        assert (former.path, former.successor) == (current.path.replace("/v2/", "/v1/"), current.path)
        assert current.has_fields and not former.has_fields, "`fields` of version 1 selects no fields"
        assert upcast(name, {"limit": "5", "fields": "level=error"}, 1, 2) == {"limit": "5", "where": "level=error"}
        assert upcast(name, {"limit": "5"}, 1, 2) == {"limit": "5"}
