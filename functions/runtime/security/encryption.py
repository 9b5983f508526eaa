"""Encryption of secret fields with their context's key: HPKE (RFC 9180), base mode, DHKEM(X25519), HKDF-SHA256, AES-128-GCM.

The sender (the gateway) has public keys only; only the context can open a sealed text. The context's name is HPKE's `info`, so
a sealed text does not open in another context. Format: `sealed:<key id>:<base64url>`. A private set lists, in order: the current
key, with which senders seal; the next one, which every function has before the first sender uses it; and retiring keys, which
open what queues, dead letters and databases still hold (`reliability.resealing` seals stored secrets again).
"""

import base64
import json
from datetime import datetime
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from functions.runtime.config.settings import Settings

PREFIX = "sealed"
PRIVATE_KEYS = "/etc/capsule/sealing/keys.json"
PUBLIC_KEY = "/etc/capsule/sealing-public/{context}.json"

_suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)


class CannotUnseal(Exception):
    """The text was sealed for another context or with a removed key, or it was modified."""


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def new_private_keys() -> dict[str, Any]:
    """Create a private set with the current and the next key: `{"keys": [{"kid", "d"}]}`, the content of a Secret `<context>-sealing`."""
    return {"keys": [_new_key(), _new_key()]}


def _new_key() -> dict[str, Any]:
    key = X25519PrivateKey.generate()
    kid = sha256(key.public_key().public_bytes_raw()).hexdigest()[:12]
    return {"kid": kid, "d": _encode(key.private_bytes_raw())}


def with_next_key(private: dict[str, Any], *, is_fresh: bool = False) -> dict[str, Any]:
    """Return the set with a next key. One of version 0.2 has none. `is_fresh`: with another one, since nothing is sealed with the next key yet."""
    current, *following = private["keys"]
    has_next = bool(following) and "retiredAt" not in following[0]
    if has_next and not is_fresh:
        return private
    return {"keys": [current, _new_key(), *following[has_next:]]}


def rotated_private_keys(private: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return the set after a rotation: the next key is current, a new next key is added, the former current one retires."""
    current, following, *retiring = with_next_key(private)["keys"]
    return {"keys": [following, _new_key(), {**current, "retiredAt": now.isoformat(timespec="milliseconds")}, *retiring]}


def retiring_keys(private: dict[str, Any]) -> dict[str, datetime]:
    """Return the ids of retiring keys, and since when they retire."""
    return {key["kid"]: datetime.fromisoformat(key["retiredAt"]) for key in private["keys"] if "retiredAt" in key}


def without_key(private: dict[str, Any], kid: str) -> dict[str, Any]:
    return {"keys": [key for key in private["keys"] if key["kid"] != kid]}


def public_key(private: dict[str, Any]) -> dict[str, Any]:
    """Return the current public key of a private set: `{"kid", "x"}`, one file of the ConfigMap `capsule-sealing`."""
    current = private["keys"][0]
    key = X25519PrivateKey.from_private_bytes(_decode(current["d"]))
    return {"kid": current["kid"], "x": _encode(key.public_key().public_bytes_raw())}


class Sealer:
    """Seals for any context whose public key is mounted."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def seal(self, context: str, secret: str) -> str:
        """Raises MissingSetting if the context's public key is not mounted."""
        public = self._public(context)
        key = X25519PublicKey.from_public_bytes(_decode(public["x"]))
        sealed = _suite.encrypt(secret.encode(), key, context.encode())
        return f"{PREFIX}:{public['kid']}:{_encode(sealed)}"

    def current_key(self, context: str) -> str:
        """Return the id of the key with which secrets of a context are sealed. Raises MissingSetting."""
        return str(self._public(context)["kid"])

    def _public(self, context: str) -> dict[str, str]:
        public: dict[str, str] = json.loads(self._settings.file(PUBLIC_KEY.format(context=context)))
        return public


class Opener:
    """Opens texts that were sealed for one context."""

    def __init__(self, settings: Settings, context: str) -> None:
        self._settings = settings
        self._context = context

    def private_keys(self) -> list[bytes]:
        """Return the private keys, the current one first. Other keys of this context are derived from them."""
        return [_decode(key["d"]) for key in json.loads(self._settings.file(PRIVATE_KEYS))["keys"]]

    def open(self, text: str) -> str:
        """Raises CannotUnseal, also for a text that is not sealed: secrets never travel in plain text."""
        prefix, _, rest = text.partition(":")
        kid, _, sealed = rest.partition(":")
        if prefix != PREFIX or not sealed:
            raise CannotUnseal("secret fields must be sealed with the context's public key")
        for key in json.loads(self._settings.file(PRIVATE_KEYS))["keys"]:
            if key["kid"] == kid:
                private = X25519PrivateKey.from_private_bytes(_decode(key["d"]))
                try:
                    return _suite.decrypt(_decode(sealed), private, self._context.encode()).decode()
                except (InvalidTag, ValueError) as error:
                    raise CannotUnseal(f"the sealed text does not open with key {kid} of the context {self._context}") from error
        raise CannotUnseal(f"the text is sealed with key {kid}, which the context {self._context} no longer has")


class ContextVault:
    """Secrets of one context at rest: sealed with its public key, opened with its private one."""

    def __init__(self, settings: Settings, context: str) -> None:
        self._sealer = Sealer(settings)
        self._opener = Opener(settings, context)
        self._context = context

    @property
    def current_prefix(self) -> str:
        """How texts begin that are sealed with the current key. Raises MissingSetting."""
        return f"{PREFIX}:{self._sealer.current_key(self._context)}:"

    def seal(self, secret: str) -> str:
        return self._sealer.seal(self._context, secret)

    def open(self, sealed: str) -> str:
        """Raises CannotUnseal."""
        return self._opener.open(sealed)
