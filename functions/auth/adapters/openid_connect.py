"""OpenID Connect: metadata, keys, the exchange of a code, and the checks of ID tokens, which authlib makes.

Metadata (OpenID Connect Discovery 1.0, 4.3: the issuer must match exactly) and keys are kept for an hour. An unknown key id makes the keys be
fetched again (OpenID Connect Core 1.0, 10.1.1), at most once a minute.
A failure is kept for a short time, so that a provider that is down or slow is not asked by every sign-in. Requests to one URL wait for each other,
those to others do not.
Signatures are asymmetric: neither `none` nor the client secret signs an ID token.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_token_request
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from functions.auth.domain.identity import IdentityProvider, ProviderClaims
from functions.auth.domain.provider_login import ReceivedCode
from functions.kernel import Permanent, Transient

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
MAX_AGE_SECONDS, MIN_REFRESH_SECONDS = 3600.0, 60.0
FAILURE_SECONDS = 5.0
REQUEST_SECONDS = 10.0
"""For a request as a whole: the client's own timeouts are for each step, and a slow sender never reaches them."""
LEEWAY_SECONDS = 60
MAX_BODY_BYTES = 512 * 1024
MAX_SUBJECT_LENGTH = 255
SECRET_POST, SECRET_BASIC = "client_secret_post", "client_secret_basic"

Json = dict[str, Any]


class Http:
    """Requests to a provider over checked addresses. Raises Transient, or Permanent with a sentence for the user."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def get(self, url: str, token: str = "") -> Any:
        headers = {"accept": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        return await self._send("GET", url, headers, b"")

    async def post(self, url: str, headers: dict[str, str], body: str) -> Json:
        document = await self._send("POST", url, headers, body.encode(), is_error_document=True)
        if not isinstance(document, dict):
            raise Permanent("The provider answered with something else than a token.")
        if "error" in document:
            raise Permanent(f"The provider refused the code: {str(document['error'])[:80]}.")
        return document

    async def _send(self, method: str, url: str, headers: dict[str, str], content: bytes, *, is_error_document: bool = False) -> Any:
        try:
            async with asyncio.timeout(REQUEST_SECONDS), self._client.stream(method, url, headers=headers, content=content) as response:
                body = b""
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_BODY_BYTES:
                        raise Permanent("The answer of the provider is too large.")
        except (httpx.HTTPError, TimeoutError) as error:
            raise Transient(f"{method} {url}: {str(error) or type(error).__name__}") from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise Permanent("The provider names an address or a token that cannot be sent.") from error
        if response.status_code >= 500 or response.status_code == 429:
            raise Transient(f"{method} {url} answered {response.status_code}")
        if not response.is_success and not (is_error_document and response.status_code in (400, 401)):
            raise Permanent(f"The provider answered {response.status_code}.")
        try:
            return httpx.Response(200, content=body).json()
        except (ValueError, RecursionError) as error:
            raise Permanent("The provider answered with something else than JSON.") from error


@dataclass(slots=True)
class _Kept:
    document: Any
    fetched_at: float


@dataclass(frozen=True, slots=True)
class _Failure:
    error: Transient | Permanent
    failed_at: float

    def again(self) -> Transient | Permanent:
        """A new exception of the same kind: one that was raised has a stack trace."""
        return Transient(str(self.error)) if isinstance(self.error, Transient) else Permanent(str(self.error))


async def request_token(http: Http, endpoint: str, provider: IdentityProvider, received: ReceivedCode, redirect_uri: str, method: str) -> Json:
    """Exchange the code (RFC 6749, 4.1.3; RFC 7636, 4.5)."""
    body = prepare_token_request(
        "authorization_code", code=received.code, redirect_uri=redirect_uri, code_verifier=received.verifier, client_id=provider.client_id
    )
    headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
    auth = ClientAuth(provider.client_id, provider.client_secret, method)
    url, headers, body = auth.prepare("POST", endpoint, headers, body)
    return await http.post(url, {name.lower(): value for name, value in headers.items() if name.lower() != "content-length"}, body)


class OpenIdConnect:
    def __init__(self, http: Http) -> None:
        self._http = http
        self._kept: dict[str, _Kept] = {}
        self._failures: dict[str, _Failure] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def metadata(self, provider: IdentityProvider) -> Json:
        url = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        document = await self._fetched(url, MAX_AGE_SECONDS)
        if not isinstance(document, dict) or document.get("issuer") != provider.issuer:
            raise Permanent("The metadata of the provider is for another issuer.")
        return document

    async def identify(self, provider: IdentityProvider, received: ReceivedCode, redirect_uri: str) -> ProviderClaims:
        metadata = await self.metadata(provider)
        if metadata.get("authorization_response_iss_parameter_supported") is True and not received.has_issuer:
            raise Permanent("The response does not name its issuer, although the provider always does (RFC 9207).")
        methods = _names(metadata, "token_endpoint_auth_methods_supported", SECRET_BASIC)
        method = SECRET_BASIC if SECRET_BASIC in methods else SECRET_POST
        token = await request_token(self._http, _address(metadata, "token_endpoint"), provider, received, redirect_uri, method)
        claims = await self._verified(provider, metadata, token, received.nonce)
        if "email" not in claims and metadata.get("userinfo_endpoint"):
            information = await self._http.get(_address(metadata, "userinfo_endpoint"), str(token.get("access_token", "")))
            if not isinstance(information, dict) or information.get("sub") != claims["sub"]:
                raise Permanent("The provider describes another user than its ID token.")  # OpenID Connect Core 1.0, 5.3.2
            claims = {**information, **claims}
        return ProviderClaims(
            issuer=provider.issuer,
            subject=str(claims["sub"]),
            email=str(claims.get("email") or ""),
            is_email_verified=claims.get("email_verified") is True,
            name=str(claims.get("name") or ""),
        )

    async def _verified(self, provider: IdentityProvider, metadata: Json, token: Json, nonce: str) -> Json:
        """The claims of the ID token (OpenID Connect Core 1.0, 3.1.3.7). Raises Permanent."""
        supported = _names(metadata, "id_token_signing_alg_values_supported", "RS256")
        registry = JWSRegistry(algorithms=[each for each in ALGORITHMS if each in supported], strict_check_header=False)
        url, text = _address(metadata, "jwks_uri"), str(token.get("id_token", ""))
        try:
            try:
                decoded = jwt.decode(text, await self._keys(url, MAX_AGE_SECONDS), registry=registry)
            except InvalidKeyIdError:
                decoded = jwt.decode(text, await self._keys(url, MIN_REFRESH_SECONDS), registry=registry)
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                {"iss": {"essential": True, "value": provider.issuer}, "aud": {"essential": True, "value": provider.client_id}},
                {"nonce": nonce, "client_id": provider.client_id, "access_token": token.get("access_token")},
            )
            claims.validate(leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise Permanent(f"The ID token of the provider is not valid: {error}.") from error
        if not is_subject(claims.get("sub")):
            raise Permanent("The ID token of the provider names no user.")
        return dict(claims)

    async def _keys(self, url: str, max_age_seconds: float) -> KeySet:
        document = await self._fetched(url, max_age_seconds)
        return KeySet.import_key_set(document)

    async def _fetched(self, url: str, max_age_seconds: float) -> Any:
        """Raises Transient and Permanent, also those of an attempt that was just made."""
        async with self._locks[url]:
            kept, failure = self._kept.get(url), self._failures.get(url)
            if kept is not None and monotonic() - kept.fetched_at <= max_age_seconds:
                return kept.document
            if failure is not None and monotonic() - failure.failed_at <= FAILURE_SECONDS:
                raise failure.again() from failure.error
            try:
                document = await self._http.get(url)
            except (Transient, Permanent) as error:
                self._failures[url] = _Failure(error, monotonic())
                raise
            self._failures.pop(url, None)
            self._kept[url] = _Kept(document, monotonic())
            return document


def is_subject(value: Any) -> bool:
    """OpenID Connect Core 1.0, section 2: at most 255 ASCII characters."""
    return isinstance(value, str) and 0 < len(value) <= MAX_SUBJECT_LENGTH and value.isascii() and value.isprintable()


def _names(metadata: Json, name: str, default: str) -> list[str]:
    """Return a list of texts of the metadata. Raises Permanent for anything else."""
    value = metadata.get(name) or [default]
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Permanent(f"The metadata of the provider has an invalid {name}.")
    return value


def _address(metadata: Json, name: str) -> str:
    url = metadata.get(name)
    if not isinstance(url, str) or not url:
        raise Permanent(f"The metadata of the provider has no {name}.")
    return url
