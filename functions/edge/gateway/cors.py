"""Cross-origin resource sharing: which web pages may read responses. None by default; an operator lists origins.

The API uses no cookies, so no credentials are allowed.
"""

from functions.edge.gateway.responses import BytesResponse

REQUEST_HEADERS = "Authorization, Cache-Control, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-Request-Id, Traceparent, Tracestate"
EXPOSED_HEADERS = (
    "Age, Cache-Status, Deprecation, ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, Server-Timing, Sunset,"
    " WWW-Authenticate, X-Request-Id"
)
MAX_AGE_SECONDS = 600


class Cors:
    def __init__(self, origins: frozenset[str]) -> None:
        self._origins = origins

    def add_headers(self, response: BytesResponse, origin: str | None) -> None:
        """Allow the page of that origin to read the response, if the origin is listed."""
        if not origin or not self._origins:
            return
        if "*" in self._origins:
            response.add("access-control-allow-origin", "*")
        elif origin in self._origins:
            response.add("access-control-allow-origin", origin)
        else:
            return
        response.add("access-control-expose-headers", EXPOSED_HEADERS)

    def preflight(self, methods: str) -> BytesResponse:
        """Answer OPTIONS. `methods`: those of the path, separated by commas."""
        response = BytesResponse(204)
        response.add("allow", methods)
        if self._origins:
            response.add("access-control-allow-methods", methods)
            response.add("access-control-allow-headers", REQUEST_HEADERS)
            response.add("access-control-max-age", str(MAX_AGE_SECONDS))
        return response
