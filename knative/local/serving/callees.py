"""Start what a page calls together with the Service that serves it (annotation `local.capsule.dev/wakes`).

Otherwise the first visit of a Service at zero waits for two cold starts, one after the other: of the Service, then of those that it calls. What it
calls is declared: the annotation is a JSON object, path → names of Services of the same namespace. Only the platform's own Services may
wake others. A visitor without a cookie is not signed in and gets another page, so that request wakes nothing.
"""

import asyncio
import json
from collections.abc import Callable, Sequence

from knative.local.serving.http.exchange import Exchange
from knative.local.serving.node import PLATFORM_NAMESPACES
from knative.local.serving.scaler import Scaler

ANNOTATION = "local.capsule.dev/wakes"
WAKE_AFTER_SECONDS = 0.01
"""The pod of the Service itself is started first."""


def callees(scaler: Scaler, exchange: Exchange) -> Sequence[str]:
    """Return the Services that a request will call; empty unless it starts the first pod of its own Service."""
    if scaler.pods or scaler.namespace not in PLATFORM_NAMESPACES:
        return ()
    if exchange.method != "GET" or exchange.header(b"cookie") is None:
        return ()
    declared: str | None = (scaler.revision["metadata"].get("annotations") or {}).get(ANNOTATION)
    if declared is None:
        return ()
    by_path: dict[str, Sequence[str]] = json.loads(declared)
    return by_path.get(exchange.target.partition("?")[0], ())


def wake_later(services: Sequence[str], wake: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    for each in services:
        loop.call_later(WAKE_AFTER_SECONDS, wake, each)
