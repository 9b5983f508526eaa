"""Codes, tokens and challenges: RFC 4226, 7515, 7519, 7636, 8725, 9068, 9449. Those of RFC 6238 are in tests/auth/test_second_factor.py."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from functions.auth.domain.one_time_codes import code_at
from functions.auth.domain.provider_login import s256_challenge
from functions.kernel import Unauthenticated
from functions.runtime.config.settings import Settings
from functions.runtime.security.tokens import AccessTokens, new_signing_key, public_jwks, thumbprint

HOTP_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""The ASCII text 12345678901234567890 in base 32."""
HOTP = ("755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489")
"""RFC 4226, appendix D: counters 0 to 9."""

ES256_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
}
"""RFC 7515, appendix A.3."""
RSA_KEY = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64t"
    "Z_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO"
    "pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
}
"""RFC 7638, section 3.1."""
KEYS = {"RS256": new_signing_key(), "ES256": {**ES256_KEY, "kid": thumbprint(ES256_KEY), "use": "sig", "alg": "ES256"}}
CLAIMS = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
HS256 = f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{CLAIMS}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""RFC 7515, appendix A.1, and RFC 7519, section 3.1."""
ES256 = f"eyJhbGciOiJFUzI1NiJ9.{CLAIMS}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
"""RFC 7515, appendix A.3."""
UNSECURED = f"eyJhbGciOiJub25lIn0.{CLAIMS}."
"""RFC 7519, section 6.1."""
NOW = datetime(2011, 3, 22, 18, tzinfo=UTC)
"""Before the expiry of the examples."""
USER = UUID(int=7)


def test_hotp_codes_are_those_of_rfc_4226() -> None:
    assert tuple(code_at(HOTP_SECRET, counter) for counter in range(10)) == HOTP


def test_a_challenge_is_that_of_rfc_7636_appendix_b() -> None:
    assert s256_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_thumbprint_is_that_of_rfc_7638_section_3_1() -> None:
    assert thumbprint(RSA_KEY) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_a_thumbprint_is_that_of_rfc_9449_section_6_1() -> None:
    key = {"kty": "EC", "crv": "P-256", "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}
    assert thumbprint(key) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


@pytest.fixture
def tokens(tmp_path: Path) -> AccessTokens:
    mounted = tmp_path / "etc/capsule/jwks/jwks.json"
    mounted.parent.mkdir(parents=True)
    mounted.write_text(json.dumps(public_jwks({"keys": list(KEYS.values())})))
    return AccessTokens(Settings({"CAPSULE_ROOT": str(tmp_path)}))


def issued(algorithm: str, claims: Mapping[str, object] = MappingProxyType({}), **changed: object) -> str:
    default: dict[str, object] = {"iss": "capsule", "aud": "capsule", "sub": str(USER), "sid": str(UUID(int=8)), "roles": ["user"], "jti": "1"}
    default |= {"iat": int(NOW.timestamp()), "exp": int(NOW.timestamp()) + 60}
    claims = {name: value for name, value in (default | dict(claims)).items() if value is not None}
    header = {"kid": KEYS[algorithm]["kid"], "typ": "at+jwt", **changed}
    return jwt.encode(claims, jwt.PyJWK(KEYS[algorithm]), algorithm, {name: value for name, value in header.items() if value is not None})


def test_a_token_signed_with_the_key_of_rfc_7515_is_accepted(tokens: AccessTokens) -> None:
    assert jwt.decode(ES256, jwt.PyJWK(ES256_KEY, "ES256"), ["ES256"], options={"verify_exp": False})["iss"] == "joe", "the key fits the example"
    assert tokens.verify(issued("ES256"), NOW).user_id == USER


@pytest.mark.parametrize("token", [HS256, ES256, UNSECURED], ids=["HS256", "ES256 without typ and kid", "unsecured"])
def test_the_tokens_of_rfc_7515_and_7519_are_no_access_tokens(tokens: AccessTokens, token: str) -> None:
    with pytest.raises(Unauthenticated):
        tokens.verify(token, NOW)


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"typ": None}, {"kid": None}, {"kid": "../jwks.json"}, {"kid": "' OR 1=1"}])
@pytest.mark.parametrize("algorithm", KEYS)
def test_a_token_of_another_type_or_key_is_refused(tokens: AccessTokens, algorithm: str, header: dict[str, object]) -> None:
    """RFC 8725, sections 2.8 and 3.10, and RFC 9068, section 4."""
    with pytest.raises(Unauthenticated):
        tokens.verify(issued(algorithm, **header), NOW)


@pytest.mark.parametrize(("signed_with", "named"), [("RS256", "ES256"), ("ES256", "RS256")])
def test_a_key_is_used_with_its_own_algorithm_only(tokens: AccessTokens, signed_with: str, named: str) -> None:
    """RFC 8725, section 3.1."""
    for _ in range(2):  # also after a token of that key
        with pytest.raises(Unauthenticated, match="algorithm"):
            tokens.verify(issued(signed_with, kid=KEYS[named]["kid"]), NOW)
        tokens.verify(issued(named), NOW)


@pytest.mark.parametrize("algorithm", KEYS)
def test_the_public_key_is_no_secret_for_hmac(tokens: AccessTokens, algorithm: str) -> None:
    """RFC 8725, section 2.1."""
    _, claims, _ = issued(algorithm).split(".")
    header = urlsafe_b64encode(json.dumps({"alg": "HS256", "typ": "at+jwt", "kid": KEYS[algorithm]["kid"]}).encode()).rstrip(b"=").decode()
    key = jwt.PyJWK(KEYS[algorithm]).key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signature = urlsafe_b64encode(hmac.digest(key, f"{header}.{claims}".encode(), hashlib.sha256)).rstrip(b"=").decode()
    with pytest.raises(Unauthenticated, match="algorithm"):
        tokens.verify(f"{header}.{claims}.{signature}", NOW)


@pytest.mark.parametrize(("algorithm", "length"), [("ES256", 64), ("RS256", 256)])
def test_a_signature_of_nothing_is_refused(tokens: AccessTokens, algorithm: str, length: int) -> None:
    """CVE-2022-21449: r and s are zero."""
    signed = issued(algorithm).rpartition(".")[0]
    with pytest.raises(Unauthenticated):
        tokens.verify(f"{signed}.{urlsafe_b64encode(bytes(length)).rstrip(b'=').decode()}", NOW)


def refusal(tokens: AccessTokens, token: str) -> str | None:
    try:
        tokens.verify(token, NOW)
    except Unauthenticated as error:
        return error.detail
    return None


def broken_tokens(algorithm: str) -> dict[str, str]:
    header, claims, signature = issued(algorithm).split(".")
    other = issued(algorithm, {"sub": str(UUID(int=9))}).split(".")[1]
    resigned = {
        f"{name}={value!r}": issued(algorithm, {name: value})
        for name, value in (
            *(("iss", "joe"), ("aud", "other"), ("aud", ["capsule", "other"]), ("aud", None), ("sub", "nobody"), ("sub", 7)),
            *(("sid", None), ("sid", "x"), ("jti", 7), ("jti", None), ("roles", None), ("roles", 7), ("exp", "soon"), ("exp", None), ("exp", 1)),
            *(("nbf", int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())), ("nbf", 1), ("nbf", "x")),
        )
    }
    return resigned | {
        "claims of another": f"{header}.{other}.{signature}",
        "no signature": f"{header}.{claims}.",
        "short signature": f"{header}.{claims}.{signature[:-4]}",
        "long signature": f"{header}.{claims}.{signature}AAAA",
        "not base64": f"{header}.{claims}.{signature[:-1]}!",
        "claims that are no object": f"{header}.{urlsafe_b64encode(b'[]').decode()}.{signature}",
        "four parts": f"{header}.{claims}.{claims}.{signature}",
        "one part": header,
        "zeros": f"{header}.{claims}.{urlsafe_b64encode(bytes(len(signature) * 3 // 4)).rstrip(b'=').decode()}",
    }


BROKEN = {algorithm: broken_tokens(algorithm) for algorithm in KEYS}


@pytest.mark.parametrize(("algorithm", "name"), [(algorithm, name) for algorithm, broken in BROKEN.items() for name in broken])
def test_a_token_is_judged_alike_before_and_after_another_of_its_key(tokens: AccessTokens, algorithm: str, name: str) -> None:
    """After the first token of a key, plain ones are verified without PyJWT."""
    token = BROKEN[algorithm][name]
    first = refusal(tokens, token)
    tokens._verified.clear()
    assert refusal(tokens, issued(algorithm)) is None
    assert refusal(tokens, token) == first
    assert first is not None or name in ("aud=['capsule', 'other']", "nbf=1")


@pytest.mark.parametrize("algorithm", KEYS)
def test_plain_tokens_need_no_pyjwt_after_the_first_of_their_key(tokens: AccessTokens, algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens.verify(issued(algorithm), NOW)
    monkeypatch.setattr(jwt, "decode", None)
    assert tokens.verify(issued(algorithm, {"sub": str(UUID(int=9))}), NOW).user_id == UUID(int=9)
