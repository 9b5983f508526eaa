"""Serve a static site: `python3 -I server ROOT`, on $PORT of this machine's loopback, IPv4 and IPv6.

HOST and HOSTNAME are not read: they are the user's, and where the platform connects is not. SIGTERM ends the program after the responses that are
being sent.
"""

import errno
import json
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn
from starlette.datastructures import Headers
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from . import conditions
from .index import File, Found, Index, Moved, cache_control, content_type

INDEX_FILE = "site.json"
"""In the image's root folder: {"files": [[name, size, digest, folder], …], "is_single_page": bool}."""
METHODS = ("GET", "HEAD")
SECURITY = {"x-content-type-options": "nosniff"}
LOG = {
    "version": 1,
    "formatters": {
        "plain": {"format": "%(message)s"},
        "access": {
            "()": "uvicorn.logging.AccessFormatter",
            "fmt": "%(client_addr)s %(request_line)s %(status_code)s",
            "use_colors": False,
        },
    },
    "handlers": {
        "plain": {"class": "logging.StreamHandler", "formatter": "plain", "stream": "ext://sys.stderr"},
        "access": {"class": "logging.StreamHandler", "formatter": "access", "stream": "ext://sys.stdout"},
    },
    "loggers": {
        "uvicorn.error": {"handlers": ["plain"], "level": "WARNING"},
        "uvicorn.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
    },
}


class Site:
    """An ASGI application."""

    def __init__(self, root: Path, index: Index) -> None:
        """`root`: the image's root folder."""
        self._root, self._index = root, index

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._respond(scope, Headers(scope=scope))(scope, receive, send)

    def _respond(self, scope: Scope, headers: Headers) -> Response:
        if scope["method"] not in METHODS:
            return PlainTextResponse("A static site answers GET and HEAD only.\n", 405, headers={"allow": ", ".join(METHODS)})
        query = scope["query_string"].decode("latin-1")
        match self._index.find(scope["raw_path"].decode("latin-1")):
            case None:
                return PlainTextResponse("Not found: the site has no such file.\n", 404, headers=SECURITY)
            case Moved(location):
                target = f"{location}?{query}" if query else location
                return Response(None, 301, headers={"location": target, "cache-control": "no-cache"})
            case Found(file, status):
                return self._send(file, status, scope, headers)

    def _send(self, file: File, status: int, scope: Scope, headers: Headers) -> Response:
        """Answer with a file. Mutates the scope's headers: what Starlette reads of a range is what can be sent."""
        is_partial = scope["method"] == "GET" and "range" in headers
        sent, coding = (file, "") if is_partial else self._index.encoded(file, headers.get("accept-encoding", ""))
        path = self._root / sent.folder / sent.name
        about = path.stat()
        etag = f'"{sent.digest}"'
        fields = {"etag": etag, "cache-control": cache_control(file.name) if status == 200 else "no-cache", **SECURITY}
        fields |= {"content-encoding": coding} if coding else {}
        fields |= {"vary": "accept-encoding"} if self._index.has_encodings(file) else {}
        if status == 200:
            if conditions.is_precondition_failed(etag, about.st_mtime, headers.get("if-match"), headers.get("if-unmodified-since")):
                return Response(None, 412, headers=fields)
            if conditions.is_unchanged(etag, about.st_mtime, headers.get("if-none-match"), headers.get("if-modified-since")):
                return Response(None, 304, headers=fields)
        usable = conditions.usable_range(headers["range"], about.st_size) if is_partial else None
        scope["headers"] = [each for each in scope["headers"] if each[0] != b"range"] + ([(b"range", usable.encode())] if usable else [])
        return FileResponse(path, status, fields, content_type(file.name), stat_result=about)


def listen(port: int) -> list[socket.socket]:
    """Return sockets that listen on the port of both loopbacks; of one, where the machine has no IPv6. Raises OSError."""
    listening = [socket.create_server(("127.0.0.1", port), backlog=2048)]
    try:
        listening.append(socket.create_server(("::1", port), family=socket.AF_INET6, backlog=2048))
    except OSError as error:
        if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EADDRINUSE):
            raise
    return listening


def read_index(path: Path) -> Index:
    """Read an index that `Index` of the same version was written for."""
    document = json.loads(path.read_text())
    return Index((File(*entry) for entry in document["files"]), document["is_single_page"])


def main() -> None:
    root = Path(sys.argv[1]).resolve()
    index = read_index(root / INDEX_FILE)
    config = uvicorn.Config(
        Site(root, index),
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=LOG,
        server_header=False,
        forwarded_allow_ips="127.0.0.1,::1",
    )
    port = int(os.environ["PORT"])
    listening = listen(port)
    print(f"serving {len(index)} files on port {port}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises a signal again that it has handled
    uvicorn.Server(config).run(sockets=listening)
