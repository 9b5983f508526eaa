#!/usr/bin/env bash
# h2 can answer no open request after either side has sent GOAWAY, and collects a frame that is too large before it refuses it.
#
# Guess:   GOAWAY announces that no more streams are opened; streams up to the last one named go on (RFC 9113 section 6.8). A server shuts down gracefully
#          with close_connection() while its responses end. And a frame above SETTINGS_MAX_FRAME_SIZE is refused by its head (section 4.2).
# True:    after GOAWAY in either direction the state machine is closed. send_headers and send_data of a stream that is open raise ProtocolError, so
#          what a client awaits cannot be sent, although the client sent GOAWAY with NO_ERROR or the server named its stream. A server has to keep
#          GOAWAY from h2, and to write its own beside it. A frame of 16 MiB is held in memory until its last byte, then refused.
# Version: h2 4.4.1, hpack 4.2.0, hyperframe 6.1.0
# Source:  observed; h2/connection.py, H2ConnectionStateMachine, and h2/frame_buffer.py, which checks the length after the payload has come
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check h2==4.4.1 hpack==4.2.0 hyperframe==6.1.0

cat > "$folder/run.py" <<'PYTHON'
from importlib.metadata import version

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import ProtocolError

REQUEST = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")]


def pair():
    client, server = (H2Connection(H2Configuration(client_side=side)) for side in (True, False))
    client.initiate_connection()
    server.initiate_connection()
    client.send_headers(1, REQUEST, end_stream=True)
    server.receive_data(client.data_to_send())
    client.receive_data(server.data_to_send())
    return client, server


def answer(server):
    try:
        server.send_headers(1, [(":status", "200")], end_stream=True)
        return "answered"
    except ProtocolError as error:
        return f"{type(error).__name__}: {error}"


print("h2", version("h2"))
_, server = pair()
print("no GOAWAY:", answer(server))
client, server = pair()
client.close_connection()
server.receive_data(client.data_to_send())
print("GOAWAY of the client, NO_ERROR:", answer(server))
_, server = pair()
server.close_connection(last_stream_id=1)
print("GOAWAY of the server that names the stream:", answer(server))

_, server = pair()
size = (1 << 24) - 1
server.receive_data(size.to_bytes(3, "big") + b"\x00\x00\x00\x00\x00\x01")
print("maximum of a frame:", server.max_inbound_frame_size)
for _ in range(size // (1 << 20)):
    server.receive_data(b"x" * (1 << 20))
print("received without a fault:", size // (1 << 20), "MiB")
try:
    server.receive_data(b"x" * (size % (1 << 20)))
except ProtocolError as error:
    print(type(error).__name__)
PYTHON
"$folder/venv/bin/python" "$folder/run.py" | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
h2 4.4.1
no GOAWAY: answered
GOAWAY of the client, NO_ERROR: ProtocolError: Invalid input ConnectionInputs.SEND_HEADERS in state ConnectionState.CLOSED
GOAWAY of the server that names the stream: ProtocolError: Invalid input ConnectionInputs.SEND_HEADERS in state ConnectionState.CLOSED
maximum of a frame: 16384
received without a fault: 15 MiB
FrameTooLargeError
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: GOAWAY ends open streams, and large frames are collected first"
