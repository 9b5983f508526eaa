"""What is made with the signing keys: access tokens, the public set, and the secrets of mailed links.

Keys are read from their mounts at each use and parsed again when they change: a rotation needs no redeploy.
"""

import base64
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from functions.auth.domain.tokens import VERIFICATION_PREFIX, OpaqueToken
from functions.auth.domain.user import User
from functions.auth.ports import AccessToken
from functions.kernel import new_id
from functions.runtime.config.settings import Settings
from functions.runtime.security.tokens import ALGORITHM, AUDIENCE, DEFAULT_ISSUER, ISSUER_VARIABLE, PUBLIC_KEYS, TYPE, current_signing_key

SIGNING_KEYS = "/etc/capsule/signing/jwks.json"
LIFETIME = timedelta(minutes=15)


class SigningKeys:
    """The current private key."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._source = b""

    def current(self) -> tuple[str, jwt.PyJWK]:
        """Its kid, and itself."""
        self._load()
        return self._kid, self._key

    def derived(self, purpose: str) -> bytes:
        """A key of its own for another purpose (RFC 5869): it tells nothing about the signing key, and one secret less has to be kept."""
        self._load()
        return HKDF(hashes.SHA256(), 32, salt=None, info=purpose.encode()).derive(self._scalar)

    def _load(self) -> None:
        source = self._settings.file(SIGNING_KEYS)
        if source != self._source:
            key = current_signing_key(json.loads(source))
            self._kid, self._key = key["kid"], jwt.PyJWK(key, algorithm=ALGORITHM)
            self._scalar = base64.urlsafe_b64decode(key["d"] + "=" * (-len(key["d"]) % 4))
            self._source = source


class JwtIssuer:
    def __init__(self, keys: SigningKeys, settings: Settings) -> None:
        self._keys = keys
        self._issuer = settings.text(ISSUER_VARIABLE, DEFAULT_ISSUER)

    def issue(self, user: User, session_id: UUID, at: datetime) -> AccessToken:
        kid, key = self._keys.current()
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": str(user.id),
            "sid": str(session_id),
            "roles": sorted(user.roles),
            "iat": int(at.timestamp()),
            "exp": int((at + LIFETIME).timestamp()),
            "jti": str(new_id()),
        }
        text = jwt.encode(claims, key.key, algorithm=ALGORITHM, headers={"kid": kid, "typ": TYPE})
        return AccessToken(text, int(LIFETIME.total_seconds()))


class DerivedMailTokens:
    """HMAC of the intent: unguessable without the key, and the same however often the mail has to be sent."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def mint(self, intent: UUID) -> OpaqueToken:
        mac = hmac.HMAC(self._keys.derived("capsule: tokens of verification mails, 1"), hashes.SHA256())
        mac.update(intent.bytes)
        return OpaqueToken(VERIFICATION_PREFIX + base64.urlsafe_b64encode(mac.finalize()).rstrip(b"=").decode())


class MountedPublicKeys:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def jwks(self) -> list[dict[str, Any]]:
        keys: list[dict[str, Any]] = json.loads(self._settings.file(PUBLIC_KEYS))["keys"]
        return keys
