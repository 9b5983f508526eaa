"""Knative Services with a traffic split of an operator (`kn service update --traffic`): what is applied later gets only the share of @latest."""

from collections.abc import Iterable
from typing import Any

Object = dict[str, Any]
ALL = 100


def pinned(services: Iterable[Object]) -> list[Object]:
    """Those of which a named Revision gets requests."""
    return [each for each in services if _share_of_latest(each) < ALL]


def description(service: Object) -> str:
    """`auth-login: auth-login-00003 90 %, @latest 10 %`."""
    parts = [f"{_target(each)} {each['percent']} %" for each in _traffic(service) if each.get("percent")]
    return f"{service['metadata']['name']}: {', '.join(parts)}"


def _traffic(service: Object) -> list[Object]:
    return list((service.get("spec") or {}).get("traffic") or ())


def _share_of_latest(service: Object) -> int:
    """Percent of requests that the latest ready Revision gets. Without `traffic` it gets all."""
    traffic = _traffic(service)
    return sum(each.get("percent") or 0 for each in traffic if _is_latest(each)) if traffic else ALL


def _is_latest(target: Object) -> bool:
    return bool(target.get("latestRevision")) or not target.get("revisionName")


def _target(target: Object) -> str:
    return "@latest" if _is_latest(target) else str(target["revisionName"])
