"""Replies to one requester as one message: a batch of CloudEvents (JSON event format 1.0.2, section 4).

Each event is a reply: `id` is the correlation id of its request, `outcome` and `status` are the headers that a reply alone has, and `data_base64`
has its body, byte for byte. A requester that reads batches states it with each request (`ATTRIBUTE`), so that requesters and functions of different
releases understand each other.
"""

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping, Sequence

import orjson

from functions.wire.knative_events import BATCH

CONTENT_TYPE = BATCH
ATTRIBUTE = "replybatch"
"""Of a request, "1": its sender reads batches of replies."""
SOURCE, TYPE = "/capsule/functions", "capsule.reply"

Reply = tuple[Mapping[str, str], bytes]
"""Headers `correlationid`, `outcome` and `status`, and the body."""


class MalformedBatch(ValueError):
    """The body is not a batch of replies. The text has the reason."""


def encode(replies: Sequence[Reply]) -> bytes:
    """Return the body of a batch. Raises KeyError for a reply without one of the headers."""
    return orjson.dumps(
        [
            {
                "specversion": "1.0",
                "id": headers["correlationid"],
                "source": SOURCE,
                "type": TYPE,
                "outcome": headers["outcome"],
                "status": headers["status"],
                "data_base64": b64encode(body).decode(),
            }
            for headers, body in replies
        ]
    )


def decode(batch: bytes) -> list[Reply]:
    """Return the replies of a batch, in its order. Raises MalformedBatch."""
    try:
        return [
            ({"correlationid": each["id"], "outcome": each["outcome"], "status": each["status"]}, b64decode(each["data_base64"]))
            for each in orjson.loads(batch)
        ]
    except (orjson.JSONDecodeError, KeyError, TypeError, Error) as error:
        raise MalformedBatch(f"{type(error).__name__}: {error}") from error
