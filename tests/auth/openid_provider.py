"""A small OpenID provider on loopback: metadata, authorization with PKCE, codes that work once, signed ID tokens, keys.

Its faults are set by the test. It signs in everybody as `user`, without a page. It also answers as GitHub does.
"""

import json
import threading
import time
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit
from uuid import uuid4

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import ECKey

Json = dict[str, Any]
CLIENT_ID, CLIENT_SECRET = "capsule", "a secret: with % and +"


def new_key() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": uuid4().hex, "use": "sig", "alg": "ES256"}, private=True)


@dataclass
class OpenIdProvider:
    """`user`: claims of who signs in. `change_claims`, `encode`: spoil the ID token. `parameters`: added to the authorization response."""

    user: Json = field(default_factory=lambda: {"sub": "42", "email": "ada@example.org", "email_verified": True, "name": "Ada"})
    change_claims: Callable[[Json], Json] = lambda claims: claims
    encode: Callable[[Json, ECKey], str] | None = None
    parameters: Json = field(default_factory=dict)
    metadata: Json = field(default_factory=dict)
    userinfo: Json = field(default_factory=dict)
    emails: list[Json] = field(default_factory=list)
    key: ECKey = field(default_factory=new_key)
    has_issuer_parameter: bool = True
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.codes: dict[str, Json] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                provider.requests.append(f"GET {parts.path}")
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                self._answer(*provider._get(parts.path, query, self.headers.get("authorization", "")))

            def do_POST(self) -> None:
                provider.requests.append(f"POST {self.path}")
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                self._answer(*provider._token(form, self.headers.get("authorization", "")))

            def _answer(self, status: int, document: Any, location: str = "") -> None:
                content = json.dumps(document).encode()
                self.send_response(status)
                if location:
                    self.send_header("location", location)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.issuer = f"http://{self.host}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _get(self, path: str, query: Json, authorization: str) -> tuple[Any, ...]:
        match path:
            case "/.well-known/openid-configuration":
                endpoints = {f"{name}_endpoint": f"{self.issuer}/{name}" for name in ("authorization", "token", "userinfo")}
                algorithms = {"id_token_signing_alg_values_supported": ["ES256", "HS256", "none"]}
                supported = {"authorization_response_iss_parameter_supported": self.has_issuer_parameter}
                return 200, {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks", **endpoints, **algorithms, **supported, **self.metadata}
            case "/jwks":
                return 200, {"keys": [self.key.as_dict(private=False)]}
            case "/authorization" | "/login/oauth/authorize":
                code = uuid4().hex
                self.codes[code] = query
                issuer = {"iss": self.issuer} if self.has_issuer_parameter else {}
                answer = {"code": code, "state": query["state"], **issuer, **self.parameters}
                return 302, {}, f"{query['redirect_uri']}?{urlencode(answer)}"
            case _ if authorization != "Bearer access":
                return 401, {}
            case "/userinfo":
                return 200, self.userinfo
            case "/api/v3/user":
                return 200, {"id": 7, "login": "ada"}
            case "/api/v3/user/emails":
                return 200, self.emails
        return 404, {}

    def _token(self, form: Json, authorization: str) -> tuple[int, Json]:
        client = (form.get("client_id"), form.get("client_secret"))
        if authorization:
            name, _, secret = b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
            client = (unquote(name), unquote(secret))
        if client != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client"}
        request = self.codes.pop(form.get("code", ""), None)
        if request is None or form["grant_type"] != "authorization_code" or form["redirect_uri"] != request["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        if request["code_challenge_method"] != "S256" or create_s256_code_challenge(form["code_verifier"]) != request["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": request.get("nonce"), **self.user}
        claims = self.change_claims(claims)
        text = self.encode(claims, self.key) if self.encode else jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key)
        return 200, {"access_token": "access", "token_type": "Bearer", "id_token": text}
