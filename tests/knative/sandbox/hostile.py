"""A hostile application: it makes the requested attempts, and exceeds its limits."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.knative.sandbox.attempts import attempt

MIB = 1 << 20
blocks: list[Any] = []


def fork() -> Any:
    """Fork until it is refused, at most a thousand times."""
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
        blocks.append(b"x" * MIB)


def writes(one: Callable[[str, int], int], pause: float = 0.002, most: int = 100_000) -> Any:
    """Call `one` with new names until the kernel refuses. Returns what was written until then."""
    total = 0
    try:
        for number in range(most):
            total += one(os.path.join(tempfile.gettempdir(), f"f{number}"), number)
            if pause:
                time.sleep(pause)
    except OSError as error:
        return {"error": error.strerror, "bytes": total}
    return {"bytes": total}


def disk(path: str, number: int) -> int:
    with open(path, "wb") as file:
        return file.write(b"x" * MIB)


def unlinked(path: str, number: int) -> int:
    file = open(path, "wb", buffering=0)  # noqa: SIM115 - it stays open, that is the point
    os.unlink(path)
    blocks.append(file)
    return file.write(b"x" * MIB)


def in_app(path: str, number: int) -> int:
    """Write deleted files in the image's folder, whose device is the overlay's."""
    return unlinked(os.path.join("/app", os.path.basename(path)), number)


def anonymous(path: str, number: int) -> int:
    """Write files in memory, which no process's size includes while they are not mapped."""
    file = open(os.memfd_create("m"), "wb", buffering=0)  # noqa: SIM115 - it stays open
    blocks.append(file)
    return file.write(b"x" * MIB)


def shared(path: str, number: int) -> int:
    return disk(os.path.join("/dev/shm", os.path.basename(path)), number)


def devices(path: str, number: int) -> int:
    return disk(os.path.join("/dev", os.path.basename(path)), number)


def inodes(path: str, number: int) -> int:
    open(path, "wb").close()
    return 1


def deep(path: str, number: int) -> int:
    """Nest folders without a long path."""
    os.mkdir("d")
    os.chdir("d")
    return 1


def unreadable(path: str, number: int) -> int:
    os.mkdir(path, 0o000)
    return 1


def one_file(path: str, number: int) -> int:
    with open(os.path.join(tempfile.gettempdir(), "large"), "ab") as file:
        return file.write(b"x" * MIB)


def use(kind: str) -> Any:
    os.chdir(tempfile.gettempdir())
    match kind:
        case "fork":
            return fork()
        case "memory":
            return memory()
        case "inodes" | "deep":
            return writes({"inodes": inodes, "deep": deep}[kind], pause=0.0)
        case _:
            return writes(WAYS[kind])


WAYS = {
    "disk": disk, "unlinked": unlinked, "unreadable": unreadable, "file": one_file, "in_app": in_app, "anonymous": anonymous, "shared": shared,
    "devices": devices,
}  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer({"pid": os.getpid(), "tmp": os.listdir(tempfile.gettempdir())})

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        attempts = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
        match parts.path:
            case "/attempt":
                self._answer(attempt(attempts))
            case "/use":
                kind = parse_qs(parts.query)["what"][0]
                self._answer(use(kind))

    def _answer(self, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing."""


if __name__ == "__main__":
    print("hostile", file=sys.stderr, flush=True)
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
