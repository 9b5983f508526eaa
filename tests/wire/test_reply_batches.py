"""Replies in one message: CloudEvents' batch format, and bodies byte for byte."""

import json

import pytest

from functions.wire import reply_batches
from functions.wire.reply_batches import MalformedBatch

REPLIES = [
    ({"correlationid": "a-1", "outcome": "done", "status": "200"}, b'{"price": 1.10, "id": 36893488147419103232}'),
    ({"correlationid": "a-2", "outcome": "rejected", "status": "404"}, b'{"type":"/problems/not-found"}'),
    ({"correlationid": "a-3", "outcome": "done", "status": "204"}, b""),
    ({"correlationid": "a-4", "outcome": "failed", "status": "503"}, '{ "detail" : "Zoë\'s 🚀" }\n'.encode()),
]
EVENT = {"specversion": "1.0", "id": "a", "source": "/x", "type": "y", "outcome": "done", "status": "200", "data_base64": "e30="}


def test_replies_come_out_as_they_went_in() -> None:
    assert reply_batches.decode(reply_batches.encode(REPLIES)) == REPLIES


def test_each_reply_is_a_cloudevent() -> None:
    events = json.loads(reply_batches.encode(REPLIES))
    assert all({"specversion", "id", "source", "type", "data_base64"} <= event.keys() and event["specversion"] == "1.0" for event in events)
    assert all(isinstance(value, str) and (name == "data_base64" or name.isalnum()) for event in events for name, value in event.items())


@pytest.mark.parametrize(
    "batch", [b"", b'{"id": "a"}', b"7", b'["x"]', b'[{"id": "a"}]', json.dumps([EVENT, {**EVENT, "data_base64": "e"}]).encode(), b"[null]", b"\xff"]
)
def test_what_is_no_batch_is_refused_with_a_reason(batch: bytes) -> None:
    with pytest.raises(MalformedBatch, match="Error: "):
        reply_batches.decode(batch)
