"""Which web pages of other origins may read our answers: those an operator lists, none by default. No cookies are used, so none are allowed."""

from functions.edge.gateway.responses import Answer

HEADERS = "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Request-Id, Traceparent, Tracestate"
EXPOSED = "ETag, Location, RateLimit, RateLimit-Policy, Retry-After, Server-Timing, WWW-Authenticate, X-Request-Id"


class Cors:
    def __init__(self, origins: frozenset[str]) -> None:
        self._origins = origins

    def allow(self, answer: Answer, origin: str | None) -> None:
        if not origin or not self._origins:
            return
        if "*" in self._origins:
            answer.add("access-control-allow-origin", "*")
        elif origin in self._origins:
            answer.add("access-control-allow-origin", origin)
        else:
            return
        answer.add("access-control-expose-headers", EXPOSED)

    def preflight(self, allowed: str) -> Answer:
        answer = Answer(204)
        answer.add("allow", allowed)
        if self._origins:
            answer.add("access-control-allow-methods", allowed)
            answer.add("access-control-allow-headers", HEADERS)
            answer.add("access-control-max-age", "600")
        return answer
