"""Adapters that use the signing keys: access tokens, the public key set, and the tokens of verification links.

Keys are read from their mounted files at each use and parsed again when these change, so a rotation needs no
redeployment.
"""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from functions.auth.domain.access_grant import AccessGrant
from functions.auth.domain.service_account import ServiceAccount
from functions.auth.domain.session import FirstStep, Method
from functions.auth.domain.tokens import CHALLENGE_LIFETIME, CHALLENGE_PREFIX, VERIFICATION_PREFIX, OpaqueToken
from functions.auth.domain.user import User
from functions.auth.ports import AccessToken
from functions.kernel import new_id
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import ISSUER
from functions.runtime.security.tokens import (
    ACCESS_TOKEN_LIFETIME,
    AUDIENCE,
    PUBLIC_KEYS,
    TYPE,
    current_signing_key,
    derivation_secret,
)

CHALLENGE_CONTENT_LENGTH = 25
"""A UUID, a Unix time of 8 bytes, and a byte for the method of the first step."""
FIRST_METHODS = {Method.PASSWORD: b"\x01", Method.PROVIDER: b"\x02"}
SIGNING_KEYS = "/etc/capsule/signing/jwks.json"


class SigningKeys:
    """The current private key."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._source = b""

    def current(self) -> tuple[str, jwt.PyJWK]:
        """Key id (`kid`) and key."""
        self._load()
        return self._kid, self._key

    def derive(self, purpose: str) -> bytes:
        """Derive a 32-byte key for another purpose (HKDF, RFC 5869). It stays the same when the signing keys are rotated."""
        self._load()
        return HKDF(hashes.SHA256(), 32, salt=None, info=purpose.encode()).derive(self._derivation_secret)

    def _load(self) -> None:
        source = self._settings.file(SIGNING_KEYS)
        if source != self._source:
            private = json.loads(source)
            key, derivation = current_signing_key(private), derivation_secret(private)
            self._kid, self._key = key["kid"], jwt.PyJWK(key)
            self._derivation_secret = base64.urlsafe_b64decode(derivation + "=" * (-len(derivation) % 4))
            self._source = source


class JwtIssuer:
    def __init__(self, keys: SigningKeys, settings: Settings) -> None:
        self._keys = keys
        self._issuer = settings.value(ISSUER)

    def issue(self, user: User, grant: AccessGrant, now: datetime) -> AccessToken:
        return self._issue({"sub": str(user.id), "roles": grant.roles(user.roles)}, grant, now)

    def issue_for_service_account(self, account: ServiceAccount, grant: AccessGrant, now: datetime) -> AccessToken:
        return self._issue({"sub": str(account.id), "roles": [], "team": str(account.team_id)}, grant, now)

    def _issue(self, holder: dict[str, Any], grant: AccessGrant, now: datetime) -> AccessToken:
        kid, key = self._keys.current()
        expires_at = min(now + ACCESS_TOKEN_LIFETIME, grant.expires_at or datetime.max.replace(tzinfo=UTC))
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            **holder,
            "sid": str(grant.session_id),
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
            "jti": str(new_id()),
        }
        if grant.authenticated_at is not None:
            claims |= {"auth_time": int(grant.authenticated_at.timestamp()), "amr": list(grant.methods)}
        if grant.scopes is not None:
            claims["scope"] = " ".join(sorted(grant.scopes))
        text = jwt.encode(claims, key.key, algorithm=key.algorithm_name, headers={"kid": kid, "typ": TYPE})
        return AccessToken(text, int((expires_at - now).total_seconds()))


class DerivedEmailTokens:
    """HMAC of the intent: unguessable without the key, and the same each time the e-mail is sent."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def mint(self, intent: UUID) -> OpaqueToken:
        mac = hmac.HMAC(self._keys.derive("capsule: tokens of verification mails, 1"), hashes.SHA256())
        mac.update(intent.bytes)
        return OpaqueToken(VERIFICATION_PREFIX + base64.urlsafe_b64encode(mac.finalize()).rstrip(b"=").decode())


class SignedLoginChallenges:
    """User id, time of expiry, method of the first step, and their HMAC."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def issue(self, first_step: FirstStep, now: datetime) -> OpaqueToken:
        expires_at = int((now + CHALLENGE_LIFETIME).timestamp()).to_bytes(8, "big")
        content = first_step.user_id.bytes + expires_at + FIRST_METHODS[first_step.method]
        return OpaqueToken(CHALLENGE_PREFIX + base64.urlsafe_b64encode(content + self._mac(content).finalize()).rstrip(b"=").decode())

    def verify(self, challenge: OpaqueToken, now: datetime) -> FirstStep | None:
        text = challenge.text.removeprefix(CHALLENGE_PREFIX)
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            content, signature = raw[:CHALLENGE_CONTENT_LENGTH], raw[CHALLENGE_CONTENT_LENGTH:]
            self._mac(content).verify(signature)
        except (ValueError, InvalidSignature):
            return None
        if int.from_bytes(content[16:24], "big") <= now.timestamp():
            return None
        [method] = [method for method, code in FIRST_METHODS.items() if code == content[24:]]
        return FirstStep(UUID(bytes=content[:16]), method)

    def _mac(self, content: bytes) -> hmac.HMAC:
        mac = hmac.HMAC(self._keys.derive("capsule: challenges of sign-ins, 2"), hashes.SHA256())
        mac.update(content)
        return mac


class MountedPublicKeys:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def jwks(self) -> list[dict[str, Any]]:
        keys: list[dict[str, Any]] = json.loads(self._settings.file(PUBLIC_KEYS))["keys"]
        return keys
