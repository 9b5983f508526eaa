"""The application that the tests deploy: it reports what it received, and misbehaves on request.

`python -m tests.knative.serving.sample`. Environment: EXIT_WITH (exit with this code at once), SAY (print this line
first), SLEEP (seconds before it listens), LISTEN_ON (a port instead of $PORT), LISTEN_AT (an address instead of
127.0.0.1), HEALTH (the status of /health).
"""

import asyncio
import json
import os
import sys
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import uvicorn

CHUNK = 65536
RUN = uuid.uuid4().hex
"""Identifies the process; its pid may be that of a PID namespace."""


async def disconnects(receive: Any, seconds: float) -> bool:
    """Return whether the client disconnects within this time. uvicorn waits at its end for handlers that don't look."""

    async def disconnected() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(disconnected(), seconds)
    except TimeoutError:
        return False
    return True


async def app(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}

    async def answer(body: Any, status: int = 200, kind: str = "application/json") -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(data)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": data})

    match scope["path"]:
        case "/":
            await answer(
                {"revision": os.environ.get("K_REVISION"), "pod": os.environ.get("HOSTNAME"), "run": RUN, "version": os.environ.get("VERSION")}
            )
        case "/env":
            await answer(dict(os.environ))
        case "/who":
            await answer({"uid": os.getuid(), "cwd": os.getcwd(), "run": RUN, "argv": sys.argv})
        case "/headers":
            await answer([[name.decode(), value.decode()] for name, value in scope["headers"]])
        case "/health":
            await answer({}, int(os.environ.get("HEALTH", "200")))
        case "/sleep":
            if await disconnects(receive, float(query["seconds"])):
                return
            await answer({"pod": os.environ.get("HOSTNAME")})
        case "/read":
            path = os.environ.get("CAPSULE_ROOT", "") + query["path"]
            try:
                with open(path if "root" in query else query["path"], "rb") as file:  # noqa: ASYNC230
                    await answer({"content": file.read(CHUNK).decode("utf-8", "replace")})
            except OSError as error:
                await answer({"error": type(error).__name__})
        case "/list":
            try:
                await answer({"names": sorted(os.listdir(query["path"]))})
            except OSError as error:
                await answer({"error": type(error).__name__})
        case "/echo":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/octet-stream")]})
            more = True
            while more:
                message = await receive()
                more = message.get("more_body", False)
                await send({"type": "http.response.body", "body": message.get("body", b""), "more_body": more})
        case "/ticks":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
            for number in range(int(query["count"])):
                await send({"type": "http.response.body", "body": f"data: {number} {time.time()}\n\n".encode(), "more_body": True})
                await asyncio.sleep(0.2)
            await send({"type": "http.response.body", "body": b""})
        case "/exit":
            os._exit(int(query.get("code", "1")))
        case "/eat":
            print("eating", flush=True)
            blocks = [b"x" * (1 << 20) for _ in range(int(query["megabytes"]))]
            await answer({"megabytes": len(blocks)})
        case _:
            await answer({"path": scope["path"], "query": scope["query_string"].decode()}, 404)


class Plain(BaseHTTPRequestHandler):
    """HTTP/1.1 from the standard library, which ignores Upgrade and reads the next request. /slow answers after 0.1 s."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        time.sleep(0.1 if self.path == "/slow" else 0)
        body = json.dumps({"path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Switch to a protocol that sends everything back in capitals."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nWELCOME ")
    while data := await reader.read(CHUNK):
        writer.write(data.upper())
    writer.close()


async def shout(port: int) -> None:
    server = await asyncio.start_server(upgrade, "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    if line := os.environ.get("SAY"):
        print(line, flush=True)
    if "EXIT_WITH" in os.environ:
        sys.exit(int(os.environ["EXIT_WITH"]))
    time.sleep(float(os.environ.get("SLEEP", "0")))
    port = int(os.environ.get("LISTEN_ON", os.environ["PORT"]))
    if "STDLIB" in os.environ:
        ThreadingHTTPServer(("127.0.0.1", port), Plain).serve_forever()
    elif "SHOUT" in os.environ:
        asyncio.run(shout(port))
    elif os.environ.get("LISTEN_FDS") == "1":
        uvicorn.run(app, fd=3, log_level="warning", lifespan="off")
    else:
        uvicorn.run(app, host=os.environ.get("LISTEN_AT", "127.0.0.1"), port=port, log_level="warning", lifespan="off")


if __name__ == "__main__":
    main()
