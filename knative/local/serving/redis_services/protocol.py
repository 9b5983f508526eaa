"""RESP, the Redis protocol, as far as it is needed before a client has authenticated, and to ask a server (pure).

Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from dataclasses import dataclass
from typing import Any

MAX_ARGUMENTS = 16
MAX_ARGUMENT_BYTES = 4096
MAX_UNAUTHENTICATED_BYTES = 12288
"""That a client may send before it has authenticated."""
LINE_END = b"\r\n"

OK = b"+OK\r\n"
NOAUTH = b"-NOAUTH Authentication required.\r\n"
WRONGPASS = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"


class ProtocolError(Exception):
    """The bytes are no command, or exceed a bound. The message is for the client."""


class Incomplete(Exception):
    """The bytes are the beginning of a command or reply."""


@dataclass(frozen=True, slots=True)
class Command:
    arguments: tuple[bytes, ...]
    end: int
    """Offset of the first byte after it."""

    @property
    def name(self) -> bytes:
        return self.arguments[0].upper() if self.arguments else b""


@dataclass(frozen=True, slots=True)
class Credentials:
    user: str
    password: bytes


def read_command(buffer: bytes, max_argument_bytes: int = MAX_ARGUMENT_BYTES) -> Command:
    """Read the command at the beginning: an array of bulk strings, or a line of words. Raises Incomplete, ProtocolError."""
    if len(buffer) > MAX_UNAUTHENTICATED_BYTES + max_argument_bytes:
        raise ProtocolError("too big before authentication")
    line, position = _line(buffer, 0)
    if not line.startswith(b"*"):
        return Command(tuple(line.split()[:MAX_ARGUMENTS]), position)
    count = _number(line[1:], MAX_ARGUMENTS)
    arguments = []
    for _ in range(count):
        line, position = _line(buffer, position)
        if not line.startswith(b"$"):
            raise ProtocolError("expected '$'")
        end = position + _number(line[1:], max_argument_bytes)
        if len(buffer) < end + len(LINE_END):
            raise Incomplete
        arguments.append(buffer[position:end])
        position = end + len(LINE_END)
    return Command(tuple(arguments), position)


def credentials_of(command: Command) -> Credentials | None:
    """Return the credentials of AUTH, and of HELLO with AUTH; None for every other command. A password without a user is the user `default`'s."""
    arguments = command.arguments
    if command.name == b"AUTH" and len(arguments) in (2, 3):
        return Credentials(arguments[1].decode(errors="replace") if len(arguments) == 3 else "default", arguments[-1])
    if command.name == b"HELLO":
        for index, each in enumerate(arguments[2:], start=2):
            if each.upper() == b"AUTH" and len(arguments) > index + 2:
                return Credentials(arguments[index + 1].decode(errors="replace"), arguments[index + 2])
    return None


def encode(*arguments: str | bytes) -> bytes:
    """Encode a command."""
    parts = [each.encode() if isinstance(each, str) else each for each in arguments]
    return b"".join((b"*%d\r\n" % len(parts), *(b"$%d\r\n%b\r\n" % (len(each), each) for each in parts)))


def bulk(value: str | bytes) -> bytes:
    """Encode a reply."""
    content = value.encode() if isinstance(value, str) else value
    return b"$%d\r\n%b\r\n" % (len(content), content)


def error(text: str) -> bytes:
    """Encode a reply. Line ends would end it early."""
    return b"-ERR %b\r\n" % " ".join(text.split()).encode()


def read_reply(buffer: bytes) -> bytes:
    """Read a status, a number or a bulk string. Raises Incomplete, and ProtocolError with the server's message for an error."""
    return read_replies(buffer, 1)[0]


def read_replies(buffer: bytes, count: int) -> list[bytes]:
    """Read the first replies. Raises Incomplete, and ProtocolError with the server's message for an error."""
    replies, position = [], 0
    for _ in range(count):
        reply, position = _reply(buffer, position)
        replies.append(reply)
    return replies


def read_value(buffer: bytes, position: int = 0) -> tuple[Any, int]:
    """Read a reply that may be an array, as a list, and return where it ends. Raises Incomplete, and ProtocolError for an error."""
    if buffer[position : position + 1] != b"*":
        return _reply(buffer, position)
    line, position = _line(buffer, position)
    values = []
    for _ in range(int(line[1:])):
        value, position = read_value(buffer, position)
        values.append(value)
    return values, position


def _reply(buffer: bytes, position: int) -> tuple[bytes, int]:
    line, position = _line(buffer, position)
    kind, content = line[:1], line[1:]
    if kind == b"-":
        raise ProtocolError(content.decode(errors="replace"))
    if kind != b"$":
        return content, position
    end = position + int(content)
    if len(buffer) < end + len(LINE_END):
        raise Incomplete
    return buffer[position:end], end + len(LINE_END)


def _line(buffer: bytes, position: int) -> tuple[bytes, int]:
    end = buffer.find(b"\n", position)
    if end < 0:
        raise Incomplete
    return buffer[position:end].removesuffix(b"\r"), end + 1


def _number(text: bytes, maximum: int) -> int:
    if not text.isdigit() or len(text) > 9 or int(text) > maximum:
        raise ProtocolError("invalid length before authentication")
    return int(text)
