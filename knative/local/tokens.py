"""Who is calling: the administrator's token, and tokens of ServiceAccounts.

A ServiceAccount's token is a compact JWS (HS256) signed with a key that never leaves the state folder. It is good until it expires, and only
while its ServiceAccount (and the Pod it was issued to, when it names one) is there: deleting either revokes it, as on a cluster.
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
LONGEST_SECONDS = 365 * 86400


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
        self._key = _kept(folder / "token.key")
        self.administrator = _kept(folder / "admin.token").decode()

    def identify(self, token: str) -> Identity | None:
        if hmac.compare_digest(token.encode(), self.administrator.encode()):
            return Identity("kubernetes-admin", (ADMINISTRATORS, AUTHENTICATED))
        claims = self._verified(token)
        if claims is None or claims["exp"] < time.time():
            return None
        namespace, name = claims["namespace"], claims["serviceaccount"]
        account = self._store.find("ServiceAccount", namespace, name)
        if account is None or account["metadata"]["uid"] != claims["uid"]:
            return None
        if (pod := claims.get("pod")) and not self._store.alive(pod):
            return None
        return service_account(namespace, name, claims["uid"])

    def issue(self, account: Object, seconds: int = DEFAULT_SECONDS, pod: Object | None = None) -> tuple[str, float]:
        """A token for a ServiceAccount object, bound to a Pod's life when given; and when it expires."""
        metadata, expires = account["metadata"], time.time() + min(seconds, LONGEST_SECONDS)
        claims = {
            "sub": service_account(metadata["namespace"], metadata["name"]).name, "exp": int(expires), "iat": int(time.time()),
            "namespace": metadata["namespace"], "serviceaccount": metadata["name"], "uid": metadata["uid"],
        }  # fmt: skip
        if pod is not None:
            claims["pod"] = pod["metadata"]["uid"]
        signed = _text(HEADER) + "." + _text(orjson.dumps(claims))
        return f"{signed}.{_text(self._sign(signed))}", expires

    def _sign(self, signed: str) -> bytes:
        return hmac.digest(self._key, signed.encode(), hashlib.sha256)

    def _verified(self, token: str) -> dict[str, Any] | None:
        signed, _, signature = token.rpartition(".")
        try:
            if not hmac.compare_digest(_bytes(signature), self._sign(signed)) or _bytes(signed.partition(".")[0]) != HEADER:
                return None
            claims: dict[str, Any] = orjson.loads(_bytes(signed.partition(".")[2]))
        except (ValueError, NotBase64):
            return None
        return claims


def write_kubeconfig(path: Path, settings: Settings, authority: bytes, token: str, user: str, namespace: str) -> None:
    """What `kubectl` and the client libraries read: where the API is, whom to trust, who one is."""
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "capsule", "preferences": {},
        "clusters": [{"name": "capsule", "cluster": {
            "server": settings.api_url, "certificate-authority-data": base64.b64encode(authority).decode(),
        }}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "capsule", "context": {"cluster": "capsule", "user": user, "namespace": namespace}}],
    }  # fmt: skip
    write_private(path, yaml.safe_dump(config, sort_keys=False).encode())


def _kept(path: Path) -> bytes:
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32).encode())
    return path.read_bytes()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
