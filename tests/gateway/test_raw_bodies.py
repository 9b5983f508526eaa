"""Bodies that are not JSON: request bodies that pass unparsed, and files as responses."""

from base64 import urlsafe_b64decode
from uuid import UUID

import pytest

from tests.gateway.shop import ParcelEvent, Receipt, done, open_shop, signed_in

ORDER = "0190f0a0-0000-7000-8000-000000000009"
BYTES = b'{"a": 1,\r\n  "a": 2}\x00\xff\xfe + / = \n'


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "application/octet-stream", ""])
async def test_a_raw_body_arrives_byte_for_byte_with_the_declared_headers(media_type: str) -> None:
    shop = open_shop()
    shop.bus.reply = lambda message: done(None, 204)
    answer = await shop.client.post(
        f"/v1/orders/{ORDER}/parcel", content=BYTES, headers={"Content-Type": media_type, "X-Parcel-Signature": "t=1,v1=ab", "X-Other": "no"}
    )
    assert answer.status_code == 204
    (message,) = shop.bus.sent
    assert message.routing_key == "shop.handle_parcel_event"
    assert urlsafe_b64decode(message.input.pop("body")) == BYTES
    assert message.input["orderId"] == ORDER and message.input["xParcelSignature"] == "t=1,v1=ab" and "xOther" not in message.input

    parsed = ParcelEvent.model_validate_json(message.body)  # as the function does
    assert (parsed.body, parsed.order_id, parsed.x_parcel_signature, parsed.x_parcel_hint) == (BYTES, UUID(ORDER), "t=1,v1=ab", "")


async def test_a_missing_header_is_named() -> None:
    shop = open_shop()
    answer = await shop.client.post(f"/v1/orders/{ORDER}/parcel", content=BYTES)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"pointer": "/xParcelSignature", "detail": "Field required", "in": "header"}]
    assert not shop.bus.sent


async def test_an_empty_raw_body_is_valid() -> None:
    shop = open_shop()
    shop.bus.reply = lambda message: done(None, 204)
    assert (await shop.client.post(f"/v1/orders/{ORDER}/parcel", headers={"X-Parcel-Signature": "s"})).status_code == 204
    assert shop.bus.sent[0].input["body"] == ""


async def test_a_file_is_returned_as_its_bytes() -> None:
    shop = open_shop()
    file = Receipt(name='receipt "1"\r\nX: y.pdf', content=BYTES)
    shop.bus.reply = lambda message: done(file.model_dump(mode="json", by_alias=True))
    answer = await shop.client.get(f"/v1/orders/{ORDER}/receipt", headers=signed_in())
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, BYTES, "application/pdf")
    assert answer.headers["content-disposition"] == 'inline; filename="receipt__1___X__y.pdf"'
    assert answer.headers["x-content-type-options"] == "nosniff" and "x" not in answer.headers
    again = await shop.client.get(f"/v1/orders/{ORDER}/receipt", headers=signed_in(If_None_Match=answer.headers["etag"]))
    assert (again.status_code, again.content) == (304, b"")
