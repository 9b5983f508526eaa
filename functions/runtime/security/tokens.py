"""Access tokens: verification, as gateway and functions do it, and creation and rotation of their signing keys.

A token is a JWT (RFC 7519) signed with RS256. It is verified twice per request (the gateway authenticates, the function
authorizes) and signed once in 15 minutes, and RS256 verifies three times as fast as ES256 or EdDSA. A verified token is cached until it expires.
A key is used with the algorithm that it names and no other (RFC 8725, 3.1); keys of former versions name ES256.
Whether its session has ended is not known here: see `reliability.revoked_sessions` and `edge.gateway.ended_sessions`.

Keys are JWK sets (RFC 7517), named by their RFC 7638 thumbprint. A private set lists, in order: the current key, which signs;
the next key, published before it signs so that every verifier has it; and retiring keys, whose tokens are still accepted. Beside
its keys it has a `derivation` secret, from which links in e-mails and challenges of sign-ins derive: both must survive a rotation.
"""

import base64
import hashlib
import json
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from functions.kernel import Caller, Unauthenticated, Unavailable
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import ISSUER
from functions.wire.settings import MissingSetting

ALGORITHM = "RS256"
"""Of new keys."""
ACCEPTED_ALGORITHMS = (ALGORITHM, "ES256")
KEY_BITS, PUBLIC_EXPONENT = 2048, 65537
TYPE = "at+jwt"  # RFC 9068: distinguishes access tokens from other JWTs
AUDIENCE = "capsule"
FRESH = "fresh"
"""Member of keys that are about to take the place of all others."""
PUBLIC_KEYS = "/etc/capsule/jwks/jwks.json"
ACCESS_TOKEN_LIFETIME = timedelta(minutes=15)
RELOAD_SECONDS = 1.0
MAX_CACHED_TOKENS = 20_000
"""Some 15 MB. The oldest is dropped for a new one: if more users than these send requests in turn, none finds a token of theirs."""
ES256_SIGNATURE_BYTES = 64
"""r and s, each of 32 bytes (RFC 7518, section 3.4)."""
_SHA256, _PKCS1, _ECDSA = SHA256(), PKCS1v15(), ec.ECDSA(SHA256())
CLAIMS = ["iss", "aud", "sub", "sid", "roles", "iat", "exp", "jti"]

PUBLIC_MEMBERS = frozenset({"kty", "kid", "use", "alg", "n", "e", "crv", "x", "y"})
THUMBPRINT_MEMBERS = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y")}
"""By kty (RFC 7638, section 3.2)."""

Jwk = dict[str, Any]
JwkSet = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Verified:
    caller: Caller
    expires_at: float


class AccessTokens:
    """Verifies access tokens with the public keys that are mounted into every function. `cache_size`: verified tokens."""

    def __init__(self, settings: Settings, *, cache_size: int = MAX_CACHED_TOKENS) -> None:
        self._settings = settings
        self._issuer = settings.value(ISSUER)
        self._cache_size = cache_size
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._keys_source = b""
        self._loaded_at = float("-inf")
        self._headers: dict[str, jwt.PyJWK] = {}

    def verify(self, token: str, at: datetime) -> Caller:
        """Return the caller of a token. Raises Unauthenticated with the reason; Unavailable without public keys."""
        now = at.timestamp()
        keys = self._current_keys(now)
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is None:
            known = self._decode(token, keys)
            self._cache(digest, known)
        if known.expires_at <= now:
            self._verified.pop(digest, None)
            raise Unauthenticated("The access token has expired: refresh the session.")
        return known.caller

    def _cache(self, digest: bytes, verified: _Verified) -> None:
        self._verified[digest] = verified
        while len(self._verified) > self._cache_size:
            self._verified.popitem(last=False)

    def _decode(self, token: str, keys: Mapping[str, jwt.PyJWK]) -> _Verified:
        key = self._key_of(token, keys)
        try:
            if token.partition(".")[0] in self._headers and (claims := _plain_claims(token, key, self._issuer)) is not None:
                return _Verified(_caller(claims), float(claims["exp"]))
            # `verify` compares the expiry, for new and for cached tokens.
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=AUDIENCE,
                issuer=self._issuer,
                options={"require": CLAIMS, "verify_exp": False, "verify_iat": False},
            )
            self._headers[token.partition(".")[0]] = key  # after the signature is verified, so that others cannot fill this cache
            return _Verified(_caller(claims), float(claims["exp"]))
        except jwt.InvalidSignatureError as error:
            raise Unauthenticated("The signature of the access token is invalid.") from error
        except jwt.InvalidIssuerError as error:
            raise Unauthenticated("The access token has another issuer.") from error
        except jwt.InvalidAudienceError as error:
            raise Unauthenticated("The access token is for another audience.") from error
        except jwt.MissingRequiredClaimError as error:
            raise Unauthenticated(f"The access token lacks the claim {error.claim!r}.") from error
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, OverflowError, OSError) as error:
            raise Unauthenticated("The access token is malformed.") from error

    def _key_of(self, token: str, keys: Mapping[str, jwt.PyJWK]) -> jwt.PyJWK:
        """Return the key of a token. All tokens of a key have the same header, so a verified header is not parsed again."""
        if (known := self._headers.get(token.partition(".")[0])) is not None:
            return known
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError as error:
            raise Unauthenticated("The access token is malformed.") from error
        not_accepted = Unauthenticated("The access token is signed with an algorithm that is not accepted.")
        if header.get("alg") not in ACCEPTED_ALGORITHMS:
            raise not_accepted
        if header.get("typ") != TYPE:
            raise Unauthenticated("This token is not an access token.")
        key = keys.get(str(header.get("kid")))
        if key is None:
            raise Unauthenticated("The access token is signed with an unknown key.")
        if header["alg"] != key.algorithm_name:
            raise not_accepted
        return key

    def _current_keys(self, now: float) -> Mapping[str, jwt.PyJWK]:
        """Return the public keys by id. The mounted file is checked once per second, not for each token."""
        if 0 <= now - self._loaded_at < RELOAD_SECONDS:
            return self._keys
        try:
            source = self._settings.file(PUBLIC_KEYS)
            if source != self._keys_source:
                keys = [key for key in json.loads(source)["keys"] if key.get("use") == "sig" and key.get("alg") in ACCEPTED_ALGORITHMS]
                self._keys = {key["kid"]: jwt.PyJWK(key) for key in keys}
                self._keys_source = source
                self._headers.clear()
                self._verified.clear()  # tokens of a removed key must not stay valid
            self._loaded_at = now
        except (MissingSetting, OSError, ValueError, KeyError, jwt.PyJWKError) as error:
            raise Unavailable(f"The public keys at {PUBLIC_KEYS} cannot be read: {error}", retry_after=5) from error
        return self._keys


def _plain_claims(token: str, key: jwt.PyJWK, issuer: str) -> dict[str, Any] | None:
    """Return the claims of a token as Capsule issues it, at less than PyJWT's cost. `key`: of its header.

    None: PyJWT decides, and has the reason. Here a token is accepted or nothing is known of it.
    """
    signed, _, signature_text = token.rpartition(".")
    try:
        signature = _decode_base64url(signature_text)
        if key.algorithm_name == ALGORITHM:
            key.key.verify(signature, signed.encode(), _PKCS1, _SHA256)
        elif len(signature) == ES256_SIGNATURE_BYTES:
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            key.key.verify(encode_dss_signature(r, s), signed.encode(), _ECDSA)
        else:
            return None
        claims = json.loads(_decode_base64url(signed.partition(".")[2]))
    except (InvalidSignature, ValueError):
        return None
    get = claims.get if isinstance(claims, dict) else {}.get
    is_plain = get("iss") == issuer and get("aud") == AUDIENCE and "nbf" not in claims and all(get(name) is not None for name in CLAIMS)
    return claims if is_plain and isinstance(get("sub"), str) and isinstance(get("jti"), str) else None


def _decode_base64url(text: str) -> bytes:
    """Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)


def _caller(claims: Mapping[str, Any]) -> Caller:
    """Return the caller of verified claims. An API token's have a `scope` (RFC 8693, 4.2), a session's an `auth_time` (OpenID Connect),
    a service account's a `team`."""
    scope, auth_time, team = claims.get("scope"), claims.get("auth_time"), claims.get("team")
    return Caller(
        UUID(claims["sub"]),
        frozenset(str(role) for role in claims["roles"]),
        UUID(claims["sid"]),
        None if scope is None else frozenset(scope.split()),
        None if auth_time is None else datetime.fromtimestamp(int(auth_time), UTC),
        None if team is None else UUID(team),
    )


def new_signing_key() -> Jwk:
    """Create a private JWK for signing (RFC 7518, 6.3)."""
    key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(rsa.generate_private_key(PUBLIC_EXPONENT, KEY_BITS)))
    return {**{name: value for name, value in key.items() if name != "key_ops"}, "kid": thumbprint(key), "use": "sig", "alg": ALGORITHM}


def new_signing_jwks() -> JwkSet:
    """Create the first private set of a platform: the current and the next key, and the derivation secret."""
    return {"keys": [new_signing_key(), new_signing_key()], "derivation": secrets.token_urlsafe(32)}


def rotated_signing_jwks(private: JwkSet, *, is_forced: bool = False) -> JwkSet:
    """Return the set after a rotation: the next key signs, the current one retires, a new next key is added, retiring keys are removed.

    `is_forced`, of a set `with_fresh_keys`: only these stay, and what derives from the derivation secret ends too, because somebody else may
    know the rest.
    """
    if is_forced:
        fresh = [{name: value for name, value in key.items() if name != FRESH} for key in private["keys"] if key.get(FRESH)]
        if not fresh:
            raise ValueError("a forced rotation needs a set with fresh keys, which every verifier has")
        return {"keys": fresh, "derivation": secrets.token_urlsafe(32)}
    current, *following = [key for key in private["keys"] if not key.get("retiring") and not key.get(FRESH)]
    keys = [*(following or [new_signing_key()]), new_signing_key(), {**current, "retiring": True}]
    return {"keys": keys, "derivation": derivation_secret(private)}


def with_fresh_keys(private: JwkSet) -> JwkSet:
    """Return the set with two more keys, which every verifier must have before they take the place of all others."""
    others = [key for key in private["keys"] if not key.get(FRESH)]
    return {**private, "keys": [*others, *({**new_signing_key(), FRESH: True} for _ in range(2))]}


def derivation_secret(private: JwkSet) -> str:
    """Return the derivation secret of a set. A set of version 0.2 has none; there it is the private value of the current key."""
    return str(private.get("derivation") or current_signing_key(private)["d"])


def public_jwks(private: JwkSet) -> JwkSet:
    """Return the public part of a private set."""
    return {"keys": [{name: value for name, value in key.items() if name in PUBLIC_MEMBERS} for key in private["keys"]]}


def current_signing_key(private: JwkSet) -> Jwk:
    """Return the key that signs. Raises ValueError if the set has none."""
    for key in private["keys"]:
        if key.get("use") == "sig" and not key.get("retiring"):
            return dict(key)
    raise ValueError("the private key set has no current key (use=sig and not retiring)")


def thumbprint(key: Jwk) -> str:
    """Return the RFC 7638 thumbprint of an RSA or elliptic curve key."""
    members = {name: key[name] for name in THUMBPRINT_MEMBERS[key["kty"]]}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
