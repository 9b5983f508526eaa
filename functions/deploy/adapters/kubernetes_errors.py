"""Translate errors of the Kubernetes API: into exceptions of the port, and into two that the adapter handles itself."""

import json
from typing import Any

from functions.deploy.ports import ClusterRefused, ClusterUnavailable
from functions.kernel import RateLimited

TRANSIENT_STATUSES = frozenset({408, 409, 425, 500, 502, 503, 504})
"""409 is a concurrent change of the object: a retry reads it again."""


class NotFound(Exception):
    """The object or its namespace does not exist."""


class AlreadyExists(Exception):
    """An object of that name already exists."""


class Forbidden(ClusterRefused):
    """403: the account lacks the permission, or an admission plugin denies the request."""


def translate(status: int, body: str | bytes | None, headers: Any) -> Exception:
    """Return the exception for an error response, whose body is a Kubernetes `Status`."""
    detail = _field(body, "message") or f"the Kubernetes API answered {status}"
    if status == 404:
        return NotFound(detail)
    if status == 429:
        return RateLimited(detail, retry_after=float((headers or {}).get("Retry-After") or 1))
    if status == 409 and _field(body, "reason") == "AlreadyExists":
        return AlreadyExists(detail)
    if status == 403:
        return Forbidden(detail)
    if status in TRANSIENT_STATUSES:
        return ClusterUnavailable(detail)
    return ClusterRefused(detail)


def _field(body: str | bytes | None, name: str) -> str:
    try:
        content = json.loads(body or b"")
    except ValueError:
        return ""
    return str(content.get(name, "")) if isinstance(content, dict) else ""
