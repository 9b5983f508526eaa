"""Bearer tokens of the API: the administrator's, and those of ServiceAccounts.

A ServiceAccount's token is a compact JWS (HS256), signed with a key that never leaves the state folder. It is valid
until it expires, and only while its ServiceAccount (and the Pod it was issued to, if any) exists: deleting either
revokes it, as on a cluster.
"""

import base64
import hashlib
import hmac
import secrets
import time
from binascii import Error as NotBase64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from knative.local.files import write_private
from knative.local.objects import Object
from knative.local.settings import Settings
from knative.local.store import Store

ADMINISTRATORS = "system:masters"
AUTHENTICATED = "system:authenticated"
HEADER = b'{"alg":"HS256","typ":"JWT"}'
DEFAULT_SECONDS = 3600
MAX_TOKEN_SECONDS = 365 * 86400


@dataclass(frozen=True)
class Identity:
    name: str
    groups: tuple[str, ...]
    uid: str = ""

    @property
    def is_administrator(self) -> bool:
        return ADMINISTRATORS in self.groups


def service_account(namespace: str, name: str, uid: str = "") -> Identity:
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
    return Identity(f"system:serviceaccount:{namespace}:{name}", groups, uid)


class Tokens:
    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._key = _read_or_create(folder / "token.key")
        self.administrator = _read_or_create(folder / "admin.token").decode()

    def identify(self, token: str) -> Identity | None:
        """Return whose token it is; None when it is not valid."""
        if hmac.compare_digest(token.encode(), self.administrator.encode()):
            return Identity("kubernetes-admin", (ADMINISTRATORS, AUTHENTICATED))
        claims = self._verify(token)
        if claims is None or claims["exp"] < time.time():
            return None
        namespace, name = claims["namespace"], claims["serviceaccount"]
        account = self._store.find("ServiceAccount", namespace, name)
        if account is None or account["metadata"]["uid"] != claims["uid"]:
            return None
        if (pod := claims.get("pod")) and not self._store.exists(pod):
            return None
        return service_account(namespace, name, claims["uid"])

    def issue(self, account: Object, seconds: int = DEFAULT_SECONDS, pod: Object | None = None) -> tuple[str, float]:
        """Issue a token for a ServiceAccount, bound to a Pod's existence if one is given.

        Returns (token, expiry in seconds since the epoch).
        """
        metadata, expires = account["metadata"], time.time() + min(seconds, MAX_TOKEN_SECONDS)
        claims = {
            "sub": service_account(metadata["namespace"], metadata["name"]).name, "exp": int(expires), "iat": int(time.time()),
            "namespace": metadata["namespace"], "serviceaccount": metadata["name"], "uid": metadata["uid"],
        }  # fmt: skip
        if pod is not None:
            claims["pod"] = pod["metadata"]["uid"]
        signed = _base64(HEADER) + "." + _base64(orjson.dumps(claims))
        return f"{signed}.{_base64(self._sign(signed))}", expires

    def _sign(self, signed: str) -> bytes:
        return hmac.digest(self._key, signed.encode(), hashlib.sha256)

    def _verify(self, token: str) -> dict[str, Any] | None:
        signed, _, signature = token.rpartition(".")
        try:
            if not hmac.compare_digest(_from_base64(signature), self._sign(signed)) or _from_base64(signed.partition(".")[0]) != HEADER:
                return None
            claims: dict[str, Any] = orjson.loads(_from_base64(signed.partition(".")[2]))
        except (ValueError, NotBase64):
            return None
        return claims


def write_kubeconfig(path: Path, settings: Settings, authority: bytes, token: str, user: str, namespace: str) -> None:
    """Write the file from which `kubectl` and client libraries read the API's address, its authority and the user's token."""
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "capsule", "preferences": {},
        "clusters": [{"name": "capsule", "cluster": {
            "server": settings.api_url, "certificate-authority-data": base64.b64encode(authority).decode(),
        }}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "capsule", "context": {"cluster": "capsule", "user": user, "namespace": namespace}}],
    }  # fmt: skip
    write_private(path, yaml.safe_dump(config, sort_keys=False).encode())


def _read_or_create(path: Path) -> bytes:
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32).encode())
    return path.read_bytes()


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _from_base64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
