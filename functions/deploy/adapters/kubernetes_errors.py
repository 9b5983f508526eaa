"""What the cluster's answers mean as exceptions: the port's own, and two that the adapter acts on."""

import json
from typing import Any

from functions.deploy.ports import ClusterRefused, ClusterUnavailable
from functions.kernel import RateLimited

PASSING = frozenset({408, 409, 425, 500, 502, 503, 504})
"""409 is a lost race on an object: another try reads it anew."""


class NotThere(Exception):
    """The object, or what it lies in, does not exist."""


class AlreadyThere(Exception):
    """An object of that name exists."""


class Forbidden(ClusterRefused):
    """403: the account lacks the permission, or an admission plugin denies the request."""


def translated(status: int, body: str | bytes | None, headers: Any) -> Exception:
    detail = _field(body, "message") or f"the cluster's API answered {status}"
    if status == 404:
        return NotThere(detail)
    if status == 429:
        return RateLimited(detail, retry_after=float((headers or {}).get("Retry-After") or 1))
    if status == 409 and _field(body, "reason") == "AlreadyExists":
        return AlreadyThere(detail)
    if status == 403:
        return Forbidden(detail)
    if status in PASSING:
        return ClusterUnavailable(detail)
    return ClusterRefused(detail)


def _field(body: str | bytes | None, name: str) -> str:
    """Of a Kubernetes Status."""
    try:
        said = json.loads(body or b"")
    except ValueError:
        return ""
    return str(said.get(name, "")) if isinstance(said, dict) else ""
