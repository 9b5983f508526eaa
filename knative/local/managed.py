"""Server-side apply."""

from collections.abc import Mapping
from typing import Any

from knative.local.objects import Object


def apply(live: Object | None, applied: Object, manager: str, force: bool, schema: Mapping[str, Any]) -> Object:
    raise NotImplementedError
