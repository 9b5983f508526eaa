"""Requests as bytes. No HTTP client sends most of them."""

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.waiting import wait_limit


@dataclass(frozen=True)
class Answer:
    """`fields`: names in lower case."""

    status: int
    fields: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Request:
    """`target`: percent-encoded, or not. `headers`: whole lines. `body`: sent with its length and a content type, if not None."""

    method: str
    target: bytes
    headers: tuple[bytes, ...] = ()
    body: bytes | None = None

    def encode(self, token: str) -> bytes:
        lines = [self.method.encode() + b" " + self.target + b" HTTP/1.1", b"Host: capsule.test", b"Connection: close", *self.headers]
        if token and not any(line.lower().startswith(b"authorization:") for line in self.headers):
            lines.append(b"Authorization: Bearer " + token.encode())
        if self.body is not None:
            if not any(line.lower().startswith(b"content-type:") for line in self.headers):
                lines.append(b"Content-Type: application/json")
            lines.append(b"Content-Length: %d" % len(self.body))
        return b"\r\n".join([*lines, b"", self.body or b""])

    def command(self, url: str) -> str:
        """A command of bash that sends the same bytes. The token is a variable."""
        address = urlsplit(url)
        text = "".join(_escaped(byte) for byte in self.encode("")).replace("\\x0d\\x0aConnection: close", "\\x0d\\x0aConnection: close$AUTH", 1)
        return f"""AUTH="\\x0d\\x0aAuthorization: Bearer $TOKEN"; printf '%b' "{text}" | nc -q 30 {address.hostname} {address.port or 80}"""


def _escaped(byte: int) -> str:
    character = chr(byte)
    return character if character.isascii() and character.isprintable() and character not in '"$`\\!%' else f"\\x{byte:02x}"


def send(url: str, request: Request, token: str = "") -> Answer | None:
    """Send a request on a connection of its own. None: the connection ended without a response."""
    address = urlsplit(url)
    received = b""
    try:
        with socket.create_connection((address.hostname or "", address.port or 80), wait_limit(60)) as connection:
            connection.sendall(request.encode(token))
            while chunk := connection.recv(65536):
                received += chunk
    except (ConnectionError, TimeoutError):
        if not received:
            return None
    while received.startswith(b"HTTP/1.1 1"):  # an interim response
        received = received.partition(b"\r\n\r\n")[2]
    head, _, body = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 "):
        return None
    lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return Answer(int(lines[0].split(" ")[1]), fields, body)
