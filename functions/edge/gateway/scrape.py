"""Who may read `GET /metrics`: whoever has the token, if one is configured; else clients on this machine's loopback interface.

A proxy on this machine connects over loopback for clients anywhere, so a request that a proxy has forwarded is not local.
"""

from hmac import compare_digest
from ipaddress import ip_address

from starlette.requests import Request

from functions.edge.gateway.metrics import Metrics
from functions.edge.gateway.options import Options
from functions.edge.gateway.pages import METRICS
from functions.edge.gateway.problems import NO_ROUTE, Problem, challenge
from functions.edge.gateway.responses import PRIVATE, BytesResponse

FORWARDING_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "via")


def metrics_response(metrics: Metrics, options: Options, request: Request) -> BytesResponse:
    """Raises Problem 401, 404."""
    if not options.metrics:
        raise Problem(NO_ROUTE, f"There is nothing at {METRICS}: CAPSULE_METRICS is off.")
    if options.metrics_token:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not compare_digest(token.strip().encode(), options.metrics_token.encode()):
            challenge("Send the token of CAPSULE_METRICS_TOKEN as a bearer token.")
    elif not _is_local(request):
        detail = f"{METRICS} is served to clients on the loopback interface. For others an operator sets CAPSULE_METRICS_TOKEN."
        raise Problem(NO_ROUTE, detail)
    media_type, text = metrics.exposition(request.headers.get("accept", ""))
    return BytesResponse(200, text, [(b"content-type", media_type.encode()), PRIVATE])


def _is_local(request: Request) -> bool:
    peer = request.scope["client"]
    if peer is None or any(name in request.headers for name in FORWARDING_HEADERS):
        return False
    try:
        return ip_address(peer[0]).is_loopback
    except ValueError:
        return False
