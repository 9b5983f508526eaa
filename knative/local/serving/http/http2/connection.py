"""HTTP/2 from a client: one connection, with requests that are served at the same time."""

import asyncio
import logging
from contextlib import suppress
from typing import cast

from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, RemoteSettingsChanged, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError, StreamClosedError

from functions.wire.connections import detect_lost_peer
from functions.wire.http_limits import BODY_SECONDS, BODY_TOO_SLOW, DRAIN_IDLE_SECONDS, HEAD_SECONDS
from knative.local.serving.http.clients import Clients
from knative.local.serving.http.http2.frame_gate import FrameFault, FrameGate
from knative.local.serving.http.http2.library import LAST_STREAM_ID, MAX_STREAMS, goaway, limit_table, new_connection
from knative.local.serving.http.http2.requests import request_of
from knative.local.serving.http.http2.sending import Sender
from knative.local.serving.http.http2.streams import Stream
from knative.local.serving.http.server import KEEP_ALIVE_SECONDS, Serve

log = logging.getLogger(__name__)

MAX_AGE_SECONDS = 3600.0
"""Then the client has to open another connection, so a renewed certificate is used within that time."""
MAX_UNSENT_BYTES = 4 << 20
"""Of all responses of a connection; above it requests are refused."""
STALLED_BYTES, STALLED_SECONDS = 1 << 20, 60.0
"""A client that holds so much of responses and takes nothing for so long is disconnected."""
CLOSE_SECONDS = 10.0
"""How long a client may take to read the last frames."""


class Http2Connection(asyncio.Protocol):
    """A client's connection. It adds itself to `clients` while it is connected."""

    def __init__(self, serve: Serve, clients: Clients) -> None:
        self.address, self.scheme = "", "https"
        self._loop = asyncio.get_running_loop()
        self._made_at = self._active_at = self._loop.time()
        """On the loop's clock: the connection, and the end of its last request."""
        self._serve, self._clients = serve, clients
        self._transport: asyncio.Transport | None = None
        self._h2 = new_connection()
        self._gate = FrameGate(self._made_at)
        self._sender = Sender(self._h2, self._gate, self._on_sent)
        self._streams: dict[int, Stream] = {}
        self._deadline: asyncio.TimerHandle | None = None
        """For the client to read the last frames."""
        self._has_served = self._is_stopping = self._is_ending_streams = self._is_refusing = self._has_failed = False
        self.closed = asyncio.Event()

    @property
    def is_connected(self) -> bool:
        return self._transport is not None and not self.closed.is_set()

    @property
    def is_draining(self) -> bool:
        """Whether it ends by itself after `drain`."""
        return self._is_stopping and self.is_connected

    def expire(self, now: float) -> None:
        """End what takes too long. `now`: on the loop's clock."""
        if self._has_failed:
            return
        if (since := self._gate.block_since) is not None and now - since > HEAD_SECONDS:
            self._fail(ErrorCodes.ENHANCE_YOUR_CALM, "The head of a request did not arrive in time.")
        elif not self._streams and now - self._active_at > (KEEP_ALIVE_SECONDS if self._has_served else HEAD_SECONDS):
            self._fail(ErrorCodes.NO_ERROR, "")
        elif self._sender.unsent_bytes > STALLED_BYTES and now - self._sender.sent_at > STALLED_SECONDS:
            self.abort()
        else:
            for stream in [each for each in self._streams.values() if each.is_body_late(now, BODY_SECONDS)]:
                stream.exchange.detach()
                stream.exchange.respond_error(BODY_TOO_SLOW.status, BODY_TOO_SLOW.detail)
            if now - self._made_at > MAX_AGE_SECONDS:
                self._retire()

    def drain(self) -> None:
        """Close it after its present requests, and those that arrive within a moment."""
        self._is_ending_streams = True
        for stream in list(self._streams.values()):
            stream.exchange.end_stream()
        self._retire()

    def _retire(self) -> None:
        """Have the client open no more streams: first a notice, because requests may be on their way (RFC 9113 section 6.8)."""
        if self._is_stopping or not self.is_connected:
            return
        self._is_stopping = True
        self._sender.write(goaway(LAST_STREAM_ID))
        self._loop.call_later(DRAIN_IDLE_SECONDS, self._refuse_streams)

    def _refuse_streams(self) -> None:
        if not self._has_failed:
            self._is_refusing = True
            self._sender.write(goaway(self._h2.highest_inbound_stream_id))
            self._close_if_done()

    def _close_if_done(self) -> None:
        if self._is_refusing and not self._streams:
            self.close()

    def close(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._sender.write(self._h2.data_to_send())
            self._transport.close()
            self._deadline = self._loop.call_later(CLOSE_SECONDS, self.abort)

    def abort(self) -> None:
        if self._transport is not None and not self.closed.is_set():
            self._transport.abort()

    def _fail(self, code: int, message: str) -> None:
        """End the connection with a reason."""
        if not self._has_failed:
            self._has_failed = self._sender.is_over = True
            self._sender.write(goaway(self._h2.highest_inbound_stream_id, code, message))
            self._end()

    def _end(self) -> None:
        """Close a connection that has failed. Its requests end now, even if the client keeps the connection open."""
        self.close()
        for stream in list(self._streams.values()):
            self._drop(stream)

    # --- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = self._sender.transport = cast(asyncio.Transport, transport)
        detect_lost_peer(transport)
        self.scheme = "http" if transport.get_extra_info("ssl_object") is None else "https"
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if peer else ""
        self._clients.add(self)
        self._sender.write_frames()

    def connection_lost(self, error: Exception | None) -> None:
        self._has_failed = self._sender.is_over = True
        self._clients.discard(self)
        self.closed.set()
        self._end()
        if self._deadline is not None:
            self._deadline.cancel()  # it would keep what the client sent in memory until then

    def eof_received(self) -> bool:
        return False  # TLS has no half-closed connections

    def pause_writing(self) -> None:
        self._sender.is_blocked = True

    def resume_writing(self) -> None:
        self._sender.is_blocked = False
        self._sender.send()

    def data_received(self, data: bytes) -> None:
        if self._has_failed:
            return
        now = self._loop.time()
        self._sender.is_held = True
        try:
            for event in self._h2.receive_data(self._gate.read(data, now)):
                self._handle(event, now)
        except FrameFault as fault:
            self._fail(fault.code, str(fault))
        except ProtocolError as error:
            log.debug("a client of the ingress broke HTTP/2: %s", error)
            self._has_failed = self._sender.is_over = True
            self._end()  # h2 has added GOAWAY
        finally:
            self._sender.is_held = False
        self._sender.send()

    # --- frames of the client

    def _handle(self, event: Event, now: float) -> None:
        """Raises FrameFault."""
        if isinstance(event, RequestReceived):
            self._open(event, now)
        elif isinstance(event, DataReceived):
            if (stream := self._streams.get(event.stream_id)) is not None:
                stream.receive(event.data, event.flow_controlled_length, now)
            else:
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            if (stream := self._streams.get(event.stream_id)) is not None and not stream.exchange.is_complete:
                stream.exchange.feed_end()
        elif isinstance(event, StreamReset):
            if not event.remote_reset:  # h2 reset it, for a fault of the client: as cheap for the client as its own reset (CVE-2025-8671)
                self._gate.charge_reset(now)
            if (stream := self._streams.get(event.stream_id)) is not None:
                self._drop(stream)
        elif isinstance(event, RemoteSettingsChanged):
            limit_table(self._h2)

    def _open(self, event: RequestReceived, now: float) -> None:
        """Raises FrameFault."""
        if self._is_refusing or len(self._streams) >= MAX_STREAMS or self._sender.unsent_bytes > MAX_UNSENT_BYTES:
            self._reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)
            self._gate.charge_reset(now)
            return
        is_complete = event.stream_ended is not None
        stream = Stream(self, event.stream_id, request_of(event.headers or ()), not is_complete, now)
        self._streams[stream.id] = stream
        if is_complete:
            stream.exchange.feed_end()
        if self._is_ending_streams:
            stream.exchange.end_stream()
        stream.task = asyncio.ensure_future(self._answer(stream))

    async def _answer(self, stream: Stream) -> None:
        exchange = stream.exchange
        try:
            await self._serve(exchange)
        except Exception:
            log.exception("a request of the ingress failed")
            exchange.respond_error(500, "The platform failed to forward the request.")
        finally:
            self._has_served, self._active_at = True, self._loop.time()
            if not stream.is_ended and stream.id in self._streams:
                self.cut(stream)

    # --- the `Owner` of the streams

    def send(self, stream: Stream) -> None:
        self._sender.add(stream)
        stream.pace_pod()

    def cut(self, stream: Stream) -> None:
        if stream.id in self._streams:
            self._reset(stream, ErrorCodes.INTERNAL_ERROR)

    def acknowledge(self, stream: Stream, count: int) -> None:
        if not self._has_failed:
            self._h2.acknowledge_received_data(count, stream.id)
            self._sender.write_frames()

    def _on_sent(self, stream: Stream) -> None:
        if not stream.exchange.is_complete:  # the rest of the request would be discarded (RFC 9113 section 8.1)
            self._reset_stream(stream.id, ErrorCodes.NO_ERROR)
        self._forget(stream)

    def _reset(self, stream: Stream, code: int) -> None:
        self._reset_stream(stream.id, code)
        self._drop(stream)
        self._sender.write_frames()

    def _reset_stream(self, stream_id: int, code: int) -> None:
        if not self._has_failed:
            with suppress(StreamClosedError):  # the client has reset it, in a frame that h2 has read already
                self._h2.reset_stream(stream_id, code)

    def _drop(self, stream: Stream) -> None:
        """Forget a stream, and end its request."""
        self._forget(stream)
        if not stream.exchange.done.done():
            stream.exchange.abandon()
            if stream.task is not None:
                stream.task.cancel()

    def _forget(self, stream: Stream) -> None:
        self._streams.pop(stream.id, None)
        self._sender.discard(stream)
        stream.acknowledge()
        self._close_if_done()
