"""Access tokens: issued with the mounted private keys, verified with the public keys, rejected with a reason."""

import base64
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from functions.auth.adapters.keys import (
    ACCESS_TOKEN_LIFETIME,
    SIGNING_KEYS,
    DerivedEmailTokens,
    JwtIssuer,
    MountedPublicKeys,
    SignedLoginChallenges,
    SigningKeys,
)
from functions.auth.domain.access_grant import AccessGrant
from functions.auth.domain.email import Email
from functions.auth.domain.session import FirstStep, Method
from functions.auth.domain.user import Role, User
from functions.auth.queries.jwks import ShowKeys, jwks
from functions.kernel import Unauthenticated, Unavailable, new_id
from functions.runtime.config.settings import Settings
from functions.runtime.security.tokens import (
    ALGORITHM,
    PUBLIC_KEYS,
    RELOAD_SECONDS,
    AccessTokens,
    JwkSet,
    new_signing_jwks,
    new_signing_key,
    public_jwks,
    rotated_signing_jwks,
    with_fresh_keys,
)
from functions.wire.settings import MissingSetting

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
USER, _ = User.register(Email("ada@example.org"), "hash", NOW)
SESSION = new_id()
GRANT = AccessGrant(SESSION, NOW - timedelta(minutes=1), ["otp", "pwd"])


class Machine:
    """A file system with mounted keys, and their readers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = Settings({"CAPSULE_ROOT": str(root)})
        self.writes = 0
        self.private = new_signing_jwks()
        self.mount(self.private)
        self.tokens = AccessTokens(self.settings)

    def mount(self, private: JwkSet, public: JwkSet | None = None) -> None:
        self.private = private
        self.write(SIGNING_KEYS, private)
        self.write(PUBLIC_KEYS, public or public_jwks(private))

    def write(self, mounted: str, content: object) -> None:
        path = self.root / mounted.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        self.writes += 1
        os.utime(path, (self.writes, self.writes))

    def issue(self, at: datetime = NOW, user: User = USER) -> str:
        return JwtIssuer(SigningKeys(self.settings), self.settings).issue(user, GRANT, at).text

    def forge(self, header: dict[str, Any] | None = None, key: Any = None, algorithm: str = ALGORITHM, **claims: Any) -> str:
        """A valid token except for the given header, key, algorithm or claims (None removes a claim)."""
        valid = jwt.decode(self.issue(), options={"verify_signature": False})
        current = self.private["keys"][0]
        signing = jwt.PyJWK(current, algorithm=ALGORITHM).key if key is None else key
        changed = {name: value for name, value in {**valid, **claims}.items() if value is not None}
        return jwt.encode(changed, signing, algorithm=algorithm, headers={"kid": current["kid"], "typ": "at+jwt", **(header or {})})


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_issued_token_names_its_caller(machine: Machine) -> None:
    user, _ = User.register(Email("root@example.org"), "hash", NOW)
    user.roles = frozenset({Role.USER, Role.ADMIN})
    caller = machine.tokens.verify(machine.issue(user=user), NOW)
    assert (caller.user_id, caller.session_id, caller.roles, caller.is_admin) == (user.id, SESSION, frozenset({"user", "admin"}), True)
    assert (caller.scopes, caller.authenticated_at) == (None, NOW - timedelta(minutes=1))


def test_the_claims_of_a_token(machine: Machine) -> None:
    first, second = machine.issue(), machine.issue()
    assert jwt.get_unverified_header(first) == {"alg": "RS256", "typ": "at+jwt", "kid": machine.private["keys"][0]["kid"]}
    claims = jwt.decode(first, options={"verify_signature": False})
    jti = claims.pop("jti")
    assert jti != jwt.decode(second, options={"verify_signature": False})["jti"]
    assert claims == {
        "iss": "capsule",
        "aud": "capsule",
        "sub": str(USER.id),
        "sid": str(SESSION),
        "roles": ["user"],
        "auth_time": int(NOW.timestamp()) - 60,
        "amr": ["otp", "pwd"],
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + ACCESS_TOKEN_LIFETIME).timestamp()),
    }


@pytest.mark.parametrize("is_cached", [True, False])
def test_cached_and_uncached_tokens_expire(machine: Machine, is_cached: bool) -> None:
    token = machine.issue()
    if is_cached:
        machine.tokens.verify(token, NOW)
    machine.tokens.verify(token, NOW + ACCESS_TOKEN_LIFETIME - timedelta(seconds=1))
    for _ in range(2):
        with pytest.raises(Unauthenticated, match="expired"):
            machine.tokens.verify(token, NOW + ACCESS_TOKEN_LIFETIME)


def _other_signature(machine: Machine) -> str:
    head, body, _ = machine.issue().split(".")
    return ".".join((head, body, machine.forge(sub=str(new_id())).split(".")[2]))


def _other_claims(machine: Machine) -> str:
    head, body, signature = machine.issue().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["roles"] = ["admin"]
    return ".".join((head, base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode(), signature))


def _public_pem(machine: Machine) -> bytes:
    public = jwt.PyJWK(machine.private["keys"][0], algorithm=ALGORITHM).key.public_key()
    pem: bytes = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(pem)  # PyJWT refuses a PEM as HMAC key; an attacker's library would not


FORGERIES: dict[str, tuple[Callable[[Machine], str], str]] = {
    "empty": (lambda machine: "", "malformed"),
    "not a JWT": (lambda machine: "not.a.token", "malformed"),
    "not ASCII": (lambda machine: "é.é.é", "malformed"),
    "another's signature": (_other_signature, "signature"),
    "changed claims": (_other_claims, "signature"),
    "another key under a known kid": (lambda machine: machine.forge(key=jwt.PyJWK(new_signing_key()).key), "signature"),
    "an unknown key": (lambda machine: machine.forge(header={"kid": "unknown"}), "unknown key"),
    "no kid": (lambda machine: machine.forge(header={"kid": ""}), "unknown key"),
    "no algorithm": (lambda machine: machine.forge(key="", algorithm="none"), "algorithm"),
    "HMAC with the public key": (lambda machine: machine.forge(key=_public_pem(machine), algorithm="HS256"), "algorithm"),
    "another kind of JWT": (lambda machine: machine.forge(header={"typ": "JWT"}), "not an access token"),
    "another issuer": (lambda machine: machine.forge(iss="https://elsewhere.example"), "issuer"),
    "another audience": (lambda machine: machine.forge(aud="billing"), "audience"),
    "no session": (lambda machine: machine.forge(sid=None), "'sid'"),
    "no expiry": (lambda machine: machine.forge(exp=None), "'exp'"),
    "no subject": (lambda machine: machine.forge(sub=None), "'sub'"),
    "a subject that is not an id": (lambda machine: machine.forge(sub="ada"), "malformed"),
    "malformed roles": (lambda machine: machine.forge(roles=7), "malformed"),
    "a malformed expiry": (lambda machine: machine.forge(exp="never"), "malformed"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_token_is_rejected_with_the_reason(machine: Machine, name: str) -> None:
    forge, reason = FORGERIES[name]
    machine.tokens.verify(machine.issue(), NOW)
    machine.tokens.verify(machine.forge(), NOW)  # without changes, a token from `forge` is valid
    with pytest.raises(Unauthenticated) as rejected:
        machine.tokens.verify(forge(machine), NOW)
    assert reason in rejected.value.detail


def test_the_issuer_is_configurable(machine: Machine) -> None:
    settings = Settings({"CAPSULE_ROOT": str(machine.root), "CAPSULE_ISSUER": "https://capsule.example"})
    token = JwtIssuer(SigningKeys(settings), settings).issue(USER, GRANT, NOW).text
    AccessTokens(settings).verify(token, NOW)
    with pytest.raises(Unauthenticated, match="issuer"):
        machine.tokens.verify(token, NOW)


def test_a_key_rotation_signs_nobody_out(machine: Machine) -> None:
    issuer = JwtIssuer(SigningKeys(machine.settings), machine.settings)
    before = issuer.issue(USER, GRANT, NOW).text
    former, following = machine.private["keys"]
    machine.tokens.verify(before, NOW)

    rotated = rotated_signing_jwks(machine.private)
    assert [key["kid"] for key in rotated["keys"]][::2] == [following["kid"], former["kid"]]
    assert len({key["kid"] for key in rotated["keys"]}) == 3
    # The next key was published before it signs: a reader that still has the former public set knows it.
    machine.mount(rotated, public=public_jwks({"keys": [former, following]}))
    after = issuer.issue(USER, GRANT, NOW).text
    assert jwt.get_unverified_header(after)["kid"] == following["kid"]
    at = NOW
    for public in (None, public_jwks(rotated)):
        machine.mount(rotated, public)
        at += timedelta(seconds=RELOAD_SECONDS)
        for token in (before, after):
            machine.tokens.verify(token, at)

    machine.mount(rotated_signing_jwks(rotated))
    machine.tokens.verify(before, at)  # the mounted file is not read for every token
    at += timedelta(seconds=RELOAD_SECONDS)
    machine.tokens.verify(after, at)
    with pytest.raises(Unauthenticated, match="unknown key"):
        machine.tokens.verify(before, at)


def test_the_cache_is_bounded(machine: Machine) -> None:
    tokens = AccessTokens(machine.settings, cache_size=3)
    issued = [machine.issue(NOW + timedelta(seconds=n)) for n in range(6)]
    for token in issued:
        tokens.verify(token, NOW)
    assert len(tokens._verified) == 3
    tokens.verify(issued[0], NOW)


def test_missing_or_malformed_public_keys_are_a_server_error(machine: Machine) -> None:
    token = machine.issue()
    machine.write(PUBLIC_KEYS, "{")
    with pytest.raises(Unavailable):
        machine.tokens.verify(token, NOW)
    (machine.root / PUBLIC_KEYS.lstrip("/")).unlink()
    with pytest.raises(Unavailable):
        machine.tokens.verify(token, NOW)


def test_missing_private_keys_are_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(MissingSetting, match="signing"):
        SigningKeys(Settings({"CAPSULE_ROOT": str(tmp_path)})).current()


async def test_published_keys_contain_no_private_part(machine: Machine) -> None:
    machine.mount(rotated_signing_jwks(machine.private))
    published = (await jwks(ShowKeys(), MountedPublicKeys(machine.settings))).model_dump(by_alias=True)
    assert [set(key) for key in published["keys"]] == [{"kty", "n", "e", "kid", "use", "alg"}] * 3
    assert published == public_jwks(machine.private)


FORMER_KEY = {
    "kty": "EC", "crv": "P-256", "kid": "former", "use": "sig", "alg": "ES256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
}  # fmt: skip
"""As Capsule made them before RS256. RFC 7515, appendix A.3."""


async def test_a_rotation_leads_from_a_former_algorithm_to_the_present_one(machine: Machine) -> None:
    machine.mount({"keys": [FORMER_KEY, {**FORMER_KEY, "kid": "former-next"}], "derivation": machine.private["derivation"]})
    issued = []
    for number, algorithm in enumerate(("ES256", "ES256", "RS256")):
        at = NOW + number * timedelta(minutes=1)
        issued.append(machine.issue(at))
        assert jwt.get_unverified_header(issued[-1])["alg"] == algorithm
        assert (await jwks(ShowKeys(), MountedPublicKeys(machine.settings))).model_dump(by_alias=True) == public_jwks(machine.private)
        assert [machine.tokens.verify(each, at).user_id for each in issued[-2:]] == [USER.id] * len(issued[-2:])
        machine.mount(rotated_signing_jwks(machine.private))


@pytest.mark.parametrize("is_of_former_version", [False, True])
def test_links_and_challenges_survive_a_rotation_and_end_with_a_forced_one(machine: Machine, is_of_former_version: bool) -> None:
    if is_of_former_version:  # its set has no derivation secret
        machine.mount({"keys": machine.private["keys"]})
    intent, first_step = new_id(), FirstStep(USER.id, Method.PASSWORD)
    token = DerivedEmailTokens(SigningKeys(machine.settings)).mint(intent)
    challenge = SignedLoginChallenges(SigningKeys(machine.settings)).issue(first_step, NOW)
    for _ in range(2):
        machine.mount(rotated_signing_jwks(machine.private))
        assert DerivedEmailTokens(SigningKeys(machine.settings)).mint(intent) == token
        assert SignedLoginChallenges(SigningKeys(machine.settings)).verify(challenge, NOW) == first_step
    known = {key["kid"] for key in machine.private["keys"]}
    machine.mount(with_fresh_keys(machine.private))
    assert DerivedEmailTokens(SigningKeys(machine.settings)).mint(intent) == token and SigningKeys(machine.settings).current()[0] in known
    machine.mount(rotated_signing_jwks(machine.private, is_forced=True))
    assert known.isdisjoint(key["kid"] for key in machine.private["keys"]) and len(machine.private["keys"]) == 2
    assert DerivedEmailTokens(SigningKeys(machine.settings)).mint(intent) != token
    assert SignedLoginChallenges(SigningKeys(machine.settings)).verify(challenge, NOW) is None


def test_email_tokens_depend_on_intent_and_key_only(machine: Machine) -> None:
    intent, other = new_id(), new_id()
    for_intent = DerivedEmailTokens(SigningKeys(machine.settings)).mint(intent)
    assert for_intent == DerivedEmailTokens(SigningKeys(machine.settings)).mint(intent)
    assert for_intent != DerivedEmailTokens(SigningKeys(machine.settings)).mint(other)
    assert len(for_intent.text) >= 43 and for_intent.text not in repr(for_intent)
    machine.mount(new_signing_jwks())
    assert for_intent != DerivedEmailTokens(SigningKeys(machine.settings)).mint(intent)
