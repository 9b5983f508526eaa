"""The page that a browser gets while the first instance of an application starts, if the application wants one.

Every other request waits, as on a cluster. The page loads itself again until an instance is ready.
"""

from knative.local.serving.http.error_responses import RELOAD_SECONDS, Cause
from knative.local.serving.http.exchange import Exchange
from knative.local.serving.http.navigation import is_navigation
from knative.local.serving.request_queue import NotReadyInTime, Unavailable
from knative.local.serving.scaler import Scaler

WAKING_SECONDS = 2.0
"""So long a browser waits for the application itself."""
MESSAGE = "This application has had no visitors for a while and is starting. This page opens it as soon as it answers."


async def answers_meanwhile(exchange: Exchange, scaler: Scaler) -> bool:
    """Wait for a pod, and answer a browser with the page if none is ready in time. Return whether the exchange has ended so.

    Not if the pods are busy or cannot start: a page that promises a start would be wrong, and the request itself gets to know why.
    """
    if scaler.ready_pods or not is_navigation(exchange):
        return False
    try:
        scaler.release(await scaler.acquire(WAKING_SECONDS))
    except NotReadyInTime:
        if scaler.ready_pods or scaler.failure is not None:
            return False
        exchange.respond_error(503, MESSAGE, RELOAD_SECONDS, Cause.WAKING_UP)
        return True
    except Unavailable:
        return False
    return False
