"""A replayed command has no access token any more: its context vouches that it verified one when the message first came.

The function that replays (after it has verified an admin) signs message id, function, user and body with a key that only its own context's
functions hold: HMAC-SHA-256 (RFC 2104) under a key derived by HKDF (RFC 5869) from the context's private sealing key. So nobody who can
merely publish to RabbitMQ can speak for a user.
"""

import hmac
from collections.abc import Iterator, Mapping
from hashlib import sha256
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from functions.kernel import Caller, Unauthenticated
from functions.runtime.security.encryption import Opener
from functions.wire.cloudevents import Message

INFO = b"capsule vouch"


def _text(id: str, type: str, actor: str | None, body: bytes) -> bytes:
    return "\n".join((id, type, actor or "", sha256(body).hexdigest())).encode()


class ReplaySigner:
    def __init__(self, opener: Opener) -> None:
        self._opener = opener

    def sign(self, headers: Mapping[str, str], body: bytes) -> str:
        """For the message with these headers and this body, on behalf of its `actor`."""
        key = next(self._keys())
        return hmac.new(key, _text(headers["id"], headers["type"], headers.get("actor"), body), sha256).hexdigest()

    def caller(self, message: Message) -> Caller | None:
        """The user the message is from, as this context has vouched; None if it was nobody. Raises Unauthenticated for a forged one."""
        said = message.get("vouch") or ""
        actor = message.get("actor")
        text = _text(message.id, message.type, actor, message.body)
        if not any(hmac.compare_digest(hmac.new(key, text, sha256).hexdigest(), said) for key in self._keys()):
            raise Unauthenticated("this message says that its context vouches for it, and that is not so")
        return Caller(UUID(actor)) if actor else None

    def _keys(self) -> Iterator[bytes]:
        for private in self._opener.private_keys():
            yield HKDF(SHA256(), 32, salt=None, info=INFO).derive(private)
