"""How a connection ends when its server stops: after its present request, or after the next one if it begins within a moment.

uvicorn closes a connection at once on which nothing is being answered. A client that has just connected, or has sent a request that
is on its way, then loses the connection without a response, and cannot know whether it was carried out. The ingress of one machine ends
its connections in the same way.
"""

from functions.runtime.serving.http_protocol import LimitedHttpProtocol
from functions.wire.http_limits import PROXY_DRAIN_IDLE_SECONDS


class GracefulHttpProtocol(LimitedHttpProtocol):
    """`shutdown` is called by the server when it stops. It then waits until all connections have ended."""

    _is_ending = False

    def shutdown(self) -> None:
        self._is_ending = True
        if self._is_answering:
            self._announce_the_end()
        else:
            self._close_unless_used()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self._is_ending and self._is_answering:
            self._announce_the_end()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_ending and not self.transport.is_closing() and not self._is_answering:
            self._close_unless_used()

    def _announce_the_end(self) -> None:
        """Send `Connection: close` with the last response (RFC 9112 section 9.6). One that has begun has promised to keep the connection."""
        if not self.cycle.response_started:
            self.cycle.keep_alive = False

    def _close_unless_used(self) -> None:
        self.loop.call_later(PROXY_DRAIN_IDLE_SECONDS, lambda: None if self._is_used else self.transport.close())

    @property
    def _is_used(self) -> bool:
        """Whether a request is being read or answered. It has the time limits of any other."""
        return self._is_answering or bool(self._is_in_head and self._unread_bytes)
