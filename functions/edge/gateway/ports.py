"""What the gateway needs from outside: messages, verified tokens, encryption."""

from datetime import datetime
from typing import Protocol

from functions.kernel import Caller
from functions.runtime.messaging.bus import Reply


class Requester(Protocol):
    """Publishes a message and waits for its reply. `functions.runtime.messaging.bus.Bus` is one."""

    @property
    def connected(self) -> bool: ...

    async def request(self, routing_key: str, headers: dict[str, str], body: bytes, timeout: float, keep: bool = True) -> Reply: ...

    async def close(self) -> None: ...


class TokenVerifier(Protocol):
    async def verify(self, token: str, at: datetime) -> tuple[str, Caller]:
        """Return the access token, which an API token is exchanged for, and its caller. Raises Unauthenticated, Unavailable."""
        ...


class Encryptor(Protocol):
    def seal(self, context: str, secret: str) -> str:
        """Encrypt a secret for a context (RFC 9180)."""
        ...
