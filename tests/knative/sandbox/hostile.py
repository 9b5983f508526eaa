"""A hostile application: it attempts what it is asked to, and uses more than it was given."""

import json
import os
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.knative.sandbox.attempts import attempt

MIB = 1 << 20
kept: list[Any] = []


def fork() -> Any:
    """Until it is refused, at most a thousand times."""
    children: list[int] = []
    try:
        while len(children) < 1000:
            pid = os.fork()
            if pid == 0:
                time.sleep(60)
                os._exit(0)
            children.append(pid)
    except OSError as error:
        return {"children": len(children), "error": error.strerror}
    finally:
        for pid in children:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
    return {"children": len(children)}


def memory() -> Any:
    while True:
        kept.append(b"x" * MIB)


def disk(files: int = 1_000_000, size: int = MIB, unlinked: bool = False) -> Any:
    for number in range(files):
        path = os.path.join(tempfile.gettempdir(), f"f{number}")
        file = open(path, "wb")  # noqa: SIM115 - it is the point
        file.write(b"x" * size)
        file.flush()
        if unlinked:
            os.unlink(path)
            kept.append(file)
        else:
            file.close()
        time.sleep(0.002)


def one_file() -> Any:
    try:
        with open(os.path.join(tempfile.gettempdir(), "large"), "wb") as file:
            for _ in range(100):
                file.write(b"x" * MIB)
                file.flush()
    except OSError as error:
        return {"error": error.strerror, "bytes": os.stat(file.name).st_size}
    return {}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer({"pid": os.getpid(), "tmp": os.listdir(tempfile.gettempdir())})

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        said = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
        match parts.path:
            case "/attempt":
                self._answer(attempt(said))
            case "/use":
                kind = parse_qs(parts.query)["what"][0]
                does = {"fork": fork, "memory": memory, "disk": disk, "unlinked": lambda: disk(unlinked=True), "file": one_file}
                self._answer(does[kind]())

    def _answer(self, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Quiet."""


if __name__ == "__main__":
    print("hostile", file=sys.stderr, flush=True)
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
