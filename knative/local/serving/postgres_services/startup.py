"""The first message of a client of PostgreSQL (pure).

Source: https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from dataclasses import dataclass

MAX_BYTES = 10_000
"""As PostgreSQL itself allows (MAX_STARTUP_PACKET_LENGTH)."""
PROTOCOL_MAJOR = 3
CANCEL, TLS, GSSAPI = 80877102, 80877103, 80877104
NO_ENCRYPTION = b"N"


class Incomplete(Exception):
    """The bytes are the beginning of a message."""


class InvalidStartup(Exception):
    """The bytes are no first message."""


@dataclass(frozen=True, slots=True)
class Startup:
    """`code`: the protocol's version, or one of CANCEL, TLS and GSSAPI. `user`: empty for these."""

    code: int
    end: int
    """Offset of the first byte after it."""
    user: str = ""

    @property
    def requests_encryption(self) -> bool:
        return self.code in (TLS, GSSAPI)


def read_startup(buffer: bytes) -> Startup:
    """Raises Incomplete, InvalidStartup."""
    if len(buffer) < 8:
        raise Incomplete
    length, code = int.from_bytes(buffer[:4], "big"), int.from_bytes(buffer[4:8], "big")
    if not 8 <= length <= MAX_BYTES:
        raise InvalidStartup("invalid length of startup packet")
    if len(buffer) < length:
        raise Incomplete
    if code in (CANCEL, TLS, GSSAPI):
        return Startup(code, length)
    if code >> 16 != PROTOCOL_MAJOR:
        raise InvalidStartup(f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}: server supports 3.0 to 3.0")
    fields = buffer[8:length].split(b"\0")
    parameters = dict(zip(fields[::2], fields[1::2], strict=False))
    return Startup(code, length, parameters.get(b"user", b"").decode(errors="replace"))


def refusal(code: str, message: str) -> bytes:
    """An ErrorResponse that ends the connection. `code`: SQLSTATE."""
    fields = (b"S" + b"FATAL", b"V" + b"FATAL", b"C" + code.encode(), b"M" + message.encode())
    body = b"".join(field + b"\0" for field in fields) + b"\0"
    return b"E" + (len(body) + 4).to_bytes(4, "big") + body
