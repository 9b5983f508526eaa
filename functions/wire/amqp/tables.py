"""A faster codec for AMQP field tables (AMQP 0-9-1, section 4.2.5.5), installed into pika when this module is imported.

The headers of a message are a table, and Capsule's values are always text. pika encodes and decodes each value through a
dozen comparisons, twice per message on either side. Values that are not text still go through pika's functions.
"""

from typing import Any

import pika.data

_uint32 = pika.data.struct.Struct(">I")
_unpack, _pack = _uint32.unpack_from, _uint32.pack
_encode_value, _decode_value, _encode_name = pika.data.encode_value, pika.data.decode_value, pika.data.encode_short_string
_TEXT = ord("S")
_MAX_CACHED_NAMES = 512
_encoded_names: dict[str, bytes] = {}
_decoded_names: dict[bytes, str] = {}


def encode_table(pieces: list[bytes], table: dict[str, Any] | None) -> int:
    """Append the encoded table to `pieces` and return its length in bytes, as `pika.data.encode_table` does."""
    parts: list[bytes] = []
    for name, value in (table or {}).items():
        if type(value) is str:
            head = _encoded_names.get(name) or _encode_text_head(name)
            text = value.encode()
            parts += (head, _pack(len(text)), text)
        else:
            _encode_name(parts, name)
            _encode_value(parts, value)
    encoded = b"".join(parts)
    pieces += (_pack(len(encoded)), encoded)
    return len(encoded) + 4


def _encode_text_head(name: str) -> bytes:
    """The name and the type of a text value."""
    parts: list[bytes] = []
    _encode_name(parts, name)
    head = b"".join(parts) + b"S"
    if len(_encoded_names) < _MAX_CACHED_NAMES:
        _encoded_names[name] = head
    return head


def decode_table(encoded: bytes, offset: int) -> tuple[dict[Any, Any], int]:
    """Return the table at `offset` and the offset behind it, as `pika.data.decode_table` does."""
    result: dict[Any, Any] = {}
    limit = offset + 4 + _unpack(encoded, offset)[0]
    offset += 4
    while offset < limit:
        start = offset + 1
        offset = start + encoded[offset]
        key = encoded[start:offset]
        name: Any = _decoded_names.get(key)
        if name is None:
            name = _decode_name(key)
        if encoded[offset] == _TEXT:
            start = offset + 5
            offset = start + _unpack(encoded, offset + 1)[0]
            raw = encoded[start:offset]
            try:
                result[name] = raw.decode()
            except UnicodeDecodeError:
                result[name] = raw
        else:
            result[name], offset = _decode_value(encoded, offset)
    return result, offset


def _decode_name(key: bytes) -> Any:
    try:
        name = key.decode()
    except UnicodeDecodeError:
        return key
    if len(_decoded_names) < _MAX_CACHED_NAMES:
        _decoded_names[key] = name
    return name


pika.data.encode_table, pika.data.decode_table = encode_table, decode_table
