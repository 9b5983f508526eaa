#!/usr/bin/env bash
# uvicorn on httptools answers a POST that offers HTTP/2 and drops its body.
#
# Guess:   a server that does not speak h2c ignores the offer (RFC 9110 section 7.8) and serves the request as it is. uvicorn even logs "Unsupported
#          upgrade request." and answers 200.
# True:    the application gets the request with an empty body. httptools tells llhttp to skip the body of every message with an Upgrade header, for
#          the sake of WebSockets, and uvicorn goes on with what it got; Content-Length still says 5. With http="h11" the body arrives. Clients that
#          offer h2c with ordinary requests: Java's java.net.http.HttpClient by default, curl --http2.
# Version: uvicorn 0.54.0, httptools 0.9.0, h11 0.16.0
# Source:  observed; httptools' parser.pyx, cb_on_headers_complete returns 1 when the message has an upgrade
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check uvicorn==0.54.0 httptools==0.9.0 h11==0.16.0

cat > "$folder/run.py" <<'PYTHON'
import asyncio
import socket
import threading
from importlib.metadata import version

import uvicorn

REQUEST = "POST / HTTP/1.1\r\nHost: a\r\n{offer}Content-Length: 5\r\n\r\nhello"
OFFER = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"


async def app(scope, receive, send):
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    length = dict(scope["headers"])[b"content-length"].decode()
    answer = f"content-length {length}, body {body!r}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(answer)).encode())]})
    await send({"type": "http.response.body", "body": answer})


print("uvicorn", version("uvicorn"), "/ httptools", version("httptools"), "/ h11", version("h11"))
for http in ("h11", "httptools"):
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http=http, ws="none", lifespan="off", log_level="critical"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
    thread.start()
    for name, offer in (("plain POST", ""), ("POST that offers h2c", OFFER)):
        with socket.create_connection(listening.getsockname(), timeout=30) as connection:
            connection.sendall(REQUEST.format(offer=offer).encode())
            received = b""
            while b"body b" not in received:
                received += connection.recv(4096)
        head, _, body = received.decode().partition("\r\n\r\n")
        print(f"{http}, {name}: {head.split()[1]}, {body}")
    server.should_exit = True
    thread.join()
PYTHON
"$folder/venv/bin/python" "$folder/run.py" | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
uvicorn 0.54.0 / httptools 0.9.0 / h11 0.16.0
h11, plain POST: 200, content-length 5, body b'hello'
h11, POST that offers h2c: 200, content-length 5, body b'hello'
httptools, plain POST: 200, content-length 5, body b'hello'
httptools, POST that offers h2c: 200, content-length 5, body b''
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: the offer costs the body"
