"""Access tokens: how the gateway and every function of every context verify one, and how the keys behind them are made and turned over.

A token is a JWT (RFC 7519) signed with ES256. ES256 and not EdDSA because it is verified twice for each request (the gateway
authenticates, the function authorizes) and signed once in a quarter of an hour: with PyJWT over OpenSSL, measured on 2 cores, verifying
takes about 105 µs with P-256 and 140 µs with Ed25519. A verified token is remembered until it expires or its session is revoked.

Keys are JWK sets (RFC 7517), named by their RFC 7638 thumbprint. The private set lists, in order: the current key (it signs), the next one
(already published, so that every reader knows it before it signs), and retiring ones (they sign no more; what they signed is still accepted).
"""

import base64
import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from functions.kernel import Caller, Unauthenticated, Unavailable
from functions.runtime.config.settings import MissingSetting, Settings

ALGORITHM = "ES256"
TYPE = "at+jwt"  # RFC 9068: an access token, and no other kind of JWT
AUDIENCE = "capsule"
ISSUER_VARIABLE, DEFAULT_ISSUER = "CAPSULE_ISSUER", "capsule"
PUBLIC_KEYS = "/etc/capsule/jwks/jwks.json"
LOOK = 1.0
CLAIMS = ["iss", "aud", "sub", "sid", "roles", "iat", "exp", "jti"]

Jwk = dict[str, Any]
JwkSet = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Verified:
    caller: Caller
    expires_at: float


class AccessTokens:
    """Verifies access tokens with the public keys that are mounted into every function."""

    def __init__(self, settings: Settings, *, remember: int = 10_000) -> None:
        self._settings = settings
        self._issuer = settings.text(ISSUER_VARIABLE, DEFAULT_ISSUER)
        self._remember = remember
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()
        self._revoked: OrderedDict[UUID, None] = OrderedDict()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._keys_source = b""
        self._looked = float("-inf")
        self._headers: dict[str, jwt.PyJWK] = {}

    def verify(self, token: str, at: datetime) -> Caller:
        """The caller whose token this is; raises `Unauthenticated` with what is wrong with it."""
        now = at.timestamp()
        keys = self._current_keys(now)
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is None:
            known = self._decode(token, keys)
            self._remember_verified(digest, known)
        if known.expires_at <= now:
            self._verified.pop(digest, None)
            raise Unauthenticated("The access token has expired: refresh the session.")
        if known.caller.session_id in self._revoked:
            raise Unauthenticated("The session of this access token has ended: sign in again.")
        return known.caller

    def revoke(self, session_id: UUID) -> None:
        """From now on this process refuses the tokens of that session (it is told by `session.ended`)."""
        self._revoked[session_id] = None
        self._revoked.move_to_end(session_id)
        while len(self._revoked) > self._remember:
            self._revoked.popitem(last=False)

    def _remember_verified(self, digest: bytes, verified: _Verified) -> None:
        self._verified[digest] = verified
        while len(self._verified) > self._remember:
            self._verified.popitem(last=False)

    def _decode(self, token: str, keys: Mapping[str, jwt.PyJWK]) -> _Verified:
        key = self._key_of(token, keys)
        try:
            # Expiry is compared in `verify`, at the time it is given, for fresh and for remembered tokens alike.
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self._issuer,
                options={"require": CLAIMS, "verify_exp": False, "verify_iat": False},
            )
            self._headers[token.partition(".")[0]] = key  # ours, for its signature is: a stranger cannot fill this
            return _Verified(Caller(UUID(claims["sub"]), frozenset(str(role) for role in claims["roles"]), UUID(claims["sid"])), float(claims["exp"]))
        except jwt.InvalidSignatureError as error:
            raise Unauthenticated("The signature of the access token is wrong.") from error
        except jwt.InvalidIssuerError as error:
            raise Unauthenticated("The access token is of another issuer.") from error
        except jwt.InvalidAudienceError as error:
            raise Unauthenticated("The access token is for another audience.") from error
        except jwt.MissingRequiredClaimError as error:
            raise Unauthenticated(f"The access token lacks the claim {error.claim!r}.") from error
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError) as error:
            raise Unauthenticated("The access token is malformed.") from error

    def _key_of(self, token: str, keys: Mapping[str, jwt.PyJWK]) -> jwt.PyJWK:
        """All tokens of one key begin with the same header: it is read again only until one of them has been verified."""
        if (known := self._headers.get(token.partition(".")[0])) is not None:
            return known
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError as error:
            raise Unauthenticated("The access token is malformed.") from error
        if header.get("alg") != ALGORITHM:
            raise Unauthenticated("The access token is signed with an algorithm that is not accepted.")
        if header.get("typ") != TYPE:
            raise Unauthenticated("This token is no access token.")
        key = keys.get(str(header.get("kid")))
        if key is None:
            raise Unauthenticated("The access token is signed with an unknown key.")
        return key

    def _current_keys(self, now: float) -> Mapping[str, jwt.PyJWK]:
        """The mounted file is looked at once a second: it is renewed far more seldom, and a look for each token costs a thirtieth of the gateway."""
        if 0 <= now - self._looked < LOOK:
            return self._keys
        try:
            source = self._settings.file(PUBLIC_KEYS)
            if source != self._keys_source:
                keys = [key for key in json.loads(source)["keys"] if key.get("use") == "sig" and key.get("alg") == ALGORITHM]
                self._keys = {key["kid"]: jwt.PyJWK(key, algorithm=ALGORITHM) for key in keys}
                self._keys_source = source
                self._headers.clear()
                self._verified.clear()  # what a withdrawn key has signed is not remembered
            self._looked = now
        except (MissingSetting, OSError, ValueError, KeyError, jwt.PyJWKError) as error:
            raise Unavailable(f"The public keys at {PUBLIC_KEYS} cannot be read: {error}", retry_after=5) from error
        return self._keys


def new_signing_key() -> Jwk:
    """A fresh private JWK for signing."""
    key = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1())))
    return {**{name: key[name] for name in ("kty", "crv", "x", "y", "d")}, "kid": thumbprint(key), "use": "sig", "alg": ALGORITHM}


def new_signing_jwks() -> JwkSet:
    """The first private set of a platform: the current key, and the next one."""
    return {"keys": [new_signing_key(), new_signing_key()]}


def rotated_signing_jwks(private: JwkSet) -> JwkSet:
    """The set after one turn: the next key signs, the former one retires, a new next one is published; the formerly retiring are dropped."""
    former, *coming = [key for key in private["keys"] if not key.get("retiring")]
    return {"keys": [*(coming or [new_signing_key()]), new_signing_key(), {**former, "retiring": True}]}


def public_jwks(private: JwkSet) -> JwkSet:
    """What may be published of a private set."""
    return {"keys": [{name: value for name, value in key.items() if name not in ("d", "retiring")} for key in private["keys"]]}


def current_signing_key(private: JwkSet) -> Jwk:
    """The key that signs."""
    for key in private["keys"]:
        if key.get("use") == "sig" and not key.get("retiring"):
            return dict(key)
    raise ValueError("the private key set has no current key: one with use=sig that is not retiring")


def thumbprint(key: Jwk) -> str:
    """RFC 7638 of an elliptic curve key."""
    members = {name: key[name] for name in ("crv", "kty", "x", "y")}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
