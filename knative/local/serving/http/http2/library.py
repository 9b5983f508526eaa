"""The h2 library, set up for clients of the ingress."""

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from functions.wire.http_limits import MAX_HEAD_BYTES
from knative.local.serving.http.http2.frame_gate import MAX_BLOCK_BYTES

MAX_STREAMS = 100
"""At a time (RFC 9113 section 6.5.2 recommends at least as many). More are refused, and a client may open them again."""
STREAM_WINDOW_BYTES = 256 << 10
CONNECTION_WINDOW_BYTES = 512 << 10
"""All that a client may send before a pod takes it: what a connection can hold of this server's memory."""
MAX_TABLE_BYTES = 4096
"""Of the table for headers of responses, however much a client offers."""
LAST_STREAM_ID = (1 << 31) - 1
_UNLIMITED = LAST_STREAM_ID


class ServerConnection(H2Connection):
    MAX_CLOSED_STREAMS = 256
    """Streams that ended, which h2 remembers to tell late frames from faults. It keeps 65,536: megabytes for each long connection."""


def new_connection() -> ServerConnection:
    """Return a connection with settings that are ready to be sent."""
    # The ingress builds valid fields (`exchange`). h2 would go through them five times again.
    config = H2Configuration(client_side=False, header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False)
    connection = ServerConnection(config)
    settings = {
        SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
        SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW_BYTES,
        SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEAD_BYTES,
    }
    connection.local_settings = Settings(client=False, initial_values=settings)
    connection.initiate_connection()
    connection.increment_flow_control_window(CONNECTION_WINDOW_BYTES - connection.inbound_flow_control_window)
    # h2 ends the whole connection at a stream too many, also of a client that does not know the limit yet. `streams` refuses that stream alone.
    connection.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = _UNLIMITED
    connection.local_settings.acknowledge()
    # A head above the limit that was announced gets a 431. Above this one the connection ends.
    connection.decoder.max_header_list_size = MAX_BLOCK_BYTES
    return connection


def limit_table(connection: H2Connection) -> None:
    """Keep the table of responses small after a client has set its maximum (RFC 7541 section 4.2)."""
    if connection.encoder.header_table_size > MAX_TABLE_BYTES:
        connection.encoder.header_table_size = MAX_TABLE_BYTES


def goaway(last_stream_id: int, code: int = 0, message: str = "") -> bytes:
    """Return the frame. h2's own `close_connection` keeps the responses from being sent that the client still awaits (RFC 9113 section 6.8)."""
    frame: bytes = GoAwayFrame(0, last_stream_id, code, message.encode()).serialize()
    return frame
