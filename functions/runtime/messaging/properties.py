"""AMQP properties of Capsule's messages."""

from collections.abc import Mapping

import pika

JSON = "application/json"

PERSISTENT, TRANSIENT = 2, 1


def properties(
    headers: Mapping[str, str], is_persistent: bool, message_id: str | None = None, content_type: str | None = None
) -> pika.BasicProperties:
    """`content_type`: of a message without the header `content-type`; the payload of one that has it is JSON."""
    return pika.BasicProperties(
        headers=dict(headers),
        delivery_mode=PERSISTENT if is_persistent else TRANSIENT,
        message_id=message_id,
        content_type=JSON if "content-type" in headers else content_type,
        correlation_id=headers.get("correlationid"),
    )
