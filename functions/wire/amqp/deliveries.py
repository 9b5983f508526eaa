"""Deliveries read without an object for each of their frames (AMQP 0-9-1, sections 2.3.5 and 4.2.3).

A delivery is three frames: method, header, body. pika makes an object for each, searches its callbacks for each, and cuts its buffer three times.
Here a delivery that has arrived whole is read at once. Every other frame, and a delivery whose frames have not all arrived or that has more than
one frame of body, goes the way of pika. (Publishing costs the same with pika as without.)
"""

import struct
from typing import Any

from pika import frame, spec
from pika.adapters.asyncio_connection import AsyncioConnection

from functions.wire.amqp import tables  # noqa: F401  installs the codec

_FRAME = struct.Struct(">BHL")
"""Type, channel, size of the payload."""
_METHOD_FRAME = struct.Struct(">BHLHH")
"""The same, class and method."""
_HEADER_FRAME = struct.Struct(">BHLHHQ")
"""The same, class, weight and size of the body."""
_TAG = struct.Struct(">QB")
_BASIC, _DELIVER = 60, 60


class DeliveryConnection(AsyncioConnection):  # type: ignore[misc]
    """A pika connection that reads a delivery that has arrived whole at once."""

    _frame_buffer: bytes

    def _on_data_available(self, data_in: bytes) -> None:
        buffer = self._frame_buffer = self._frame_buffer + data_in if self._frame_buffer else data_in
        offset, size = 0, len(buffer)
        while offset < size:
            end = self._read_delivery(buffer, offset)
            if not end:
                consumed, value = frame.decode_frame(buffer[offset:] if offset else buffer)
                if not value:
                    break
                end = offset + consumed
                self.bytes_received += consumed
                self._process_frame(value)
            offset = end
            if self._frame_buffer is not buffer:
                return  # the connection has ended meanwhile
        self._frame_buffer = buffer[offset:]

    def _read_delivery(self, buffer: bytes, start: int) -> int:
        """Hand a message at `start` to its consumer. Returns where it ends; 0 if there is no delivery that this can read."""
        size = len(buffer)
        if size - start < _METHOD_FRAME.size:
            return 0
        type, number, length, class_id, method_id = _METHOD_FRAME.unpack_from(buffer, start)
        if method_id != _DELIVER or class_id != _BASIC or type != spec.FRAME_METHOD:
            return 0
        header_at = start + _FRAME.size + length + 1
        if size < header_at + _HEADER_FRAME.size or buffer[header_at - 1] != spec.FRAME_END:
            return 0
        type, other, length, _, _, body_size = _HEADER_FRAME.unpack_from(buffer, header_at)
        end: int = header_at + _FRAME.size + length + 1
        if type != spec.FRAME_HEADER or other != number or size < end or buffer[end - 1] != spec.FRAME_END:
            return 0
        body = b""
        if body_size:
            if size < end + _FRAME.size:
                return 0
            type, other, length = _FRAME.unpack_from(buffer, end)
            body_at, end = end + _FRAME.size, end + _FRAME.size + length + 1
            if type != spec.FRAME_BODY or other != number or length != body_size or size < end or buffer[end - 1] != spec.FRAME_END:
                return 0
            body = buffer[body_at : end - 1]
        channel = self._channels.get(number)
        if channel is None:
            return 0
        properties = spec.BasicProperties()
        properties.decode(buffer, header_at + _HEADER_FRAME.size)
        self.frames_received += 3
        self.bytes_received += end - start
        _deliver(channel, _decode_deliver(buffer, start + _METHOD_FRAME.size), properties, body)
        return end


def _decode_deliver(buffer: bytes, at: int) -> spec.Basic.Deliver:
    tag_at = at + 1 + buffer[at]
    consumer_tag = buffer[at + 1 : tag_at].decode()
    delivery_tag, flags = _TAG.unpack_from(buffer, tag_at)
    at = tag_at + _TAG.size
    key_at = at + 1 + buffer[at]
    exchange = buffer[at + 1 : key_at].decode()
    routing_key = buffer[key_at + 1 : key_at + 1 + buffer[key_at]].decode()
    return spec.Basic.Deliver(consumer_tag, delivery_tag, bool(flags & 1), exchange, routing_key)


def _deliver(channel: Any, method: spec.Basic.Deliver, properties: spec.BasicProperties, body: bytes) -> None:
    consumer = channel._consumers.get(method.consumer_tag)
    if consumer is not None and method.consumer_tag not in channel._cancelled:
        consumer(channel, method, properties, body)
    else:
        channel._on_deliver(frame.Method(channel.channel_number, method), frame.Header(channel.channel_number, len(body), properties), body)
