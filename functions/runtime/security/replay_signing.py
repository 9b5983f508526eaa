"""Signatures of replayed commands, in place of the caller's access token, which is never stored.

The function that replays (after it has verified an admin) signs message id, type, user and body with a key that only its own
context's functions have: HMAC-SHA-256 (RFC 2104) with a key derived by HKDF (RFC 5869) from the context's private key. So a
client that can merely publish to RabbitMQ cannot act as a user.
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

SIGNATURE_ATTRIBUTE = "replaysignature"
HKDF_INFO = b"capsule replay signature"


def _signed_text(id: str, type: str, actor: str | None, body: bytes) -> bytes:
    return "\n".join((id, type, actor or "", sha256(body).hexdigest())).encode()


class ReplaySigner:
    """`opener`: has the context's private keys."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener

    def sign(self, headers: Mapping[str, str], body: bytes) -> str:
        """Return the signature of a message with these headers and this body, on behalf of its `actor`."""
        text = _signed_text(headers["id"], headers["type"], headers.get("actor"), body)
        return hmac.new(next(self._keys()), text, sha256).hexdigest()

    def caller(self, message: Message) -> Caller | None:
        """Return the user on whose behalf the message was signed; None if it had no user. Raises Unauthenticated for a wrong signature."""
        signature = message.get(SIGNATURE_ATTRIBUTE) or ""
        actor = message.get("actor")
        text = _signed_text(message.id, message.type, actor, message.body)
        if not any(hmac.compare_digest(hmac.new(key, text, sha256).hexdigest(), signature) for key in self._keys()):
            raise Unauthenticated("The replay signature of this message is invalid.")
        return Caller(UUID(actor)) if actor else None

    def _keys(self) -> Iterator[bytes]:
        for private in self._opener.private_keys():
            yield HKDF(SHA256(), 32, salt=None, info=HKDF_INFO).derive(private)
