"""Real git repositories, served over HTTP by `git http-backend` on a free port."""

import os
import subprocess
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

QUIET = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
AUTHOR = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.com", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.com"}


def git(folder: Path, *arguments: str) -> str:
    process = subprocess.run(["git", *arguments], cwd=folder, env={**os.environ, **QUIET, **AUTHOR}, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


class Repository:
    """A repository. `commit({...})` replaces its files and pushes, bytes as a program; `url` is its clone URL."""

    def __init__(self, served: Path, work: Path, name: str, base: str, object_format: str = "sha1") -> None:
        self.bare, self.work, self.url = served / f"{name}.git", work / name, f"{base}/{name}.git"
        git(served, "init", "-q", "--bare", "-b", "main", f"--object-format={object_format}", str(self.bare))
        self.work.mkdir(parents=True)
        git(self.work, "init", "-q", "-b", "main", f"--object-format={object_format}")

    def commit(self, files: Mapping[str, str | bytes], *, branch: str = "main", tag: str | None = None) -> str:
        git(self.work, "checkout", "-q", "-B", branch)
        for old in filter(None, git(self.work, "ls-files", "-z").split("\0")):
            (self.work / old).unlink()
        for name, text in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(text, bytes):
                path.write_bytes(text)
                path.chmod(0o755)
            else:
                path.write_text(text)
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "--allow-empty", "-m", "a change")
        git(self.work, "push", "-q", "-f", str(self.bare), branch)
        if tag:
            git(self.work, "tag", "-a", tag, "-m", tag)
            git(self.work, "push", "-q", str(self.bare), tag)
        return git(self.work, "rev-parse", "HEAD")


class Repositories:
    def __init__(self, folder: Path, port: int, passwords: dict[str, str]) -> None:
        self._served, self._work = folder / "served", folder / "work"
        self._served.mkdir()
        self.passwords = passwords
        self.host = f"127.0.0.1:{port}"

    def create(self, name: str, object_format: str = "sha1", password: str = "") -> Repository:
        """`password`: required over HTTP, with any user name."""
        if password:
            self.passwords[f"/{name}.git/"] = password
        return Repository(self._served, self._work, name, f"http://{self.host}", object_format)


@contextmanager
def serving(folder: Path, prepare: Callable[[ThreadingHTTPServer], None] = lambda server: None) -> Iterator[Repositories]:
    """Serve repositories of `folder`. `/private/…` requires a password, `/moved/<name>` redirects, `/page` is an HTML page.

    `prepare` may wrap the server before it starts (TLS).
    """

    passwords: dict[str, str] = {}

    class Backend(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            if self.path.startswith("/private/") or not self._has_password():
                self._answer(401, b"", {"WWW-Authenticate": 'Basic realm="git"'})
            elif self.path.startswith("/moved/"):
                self._answer(301, b"", {"Location": self.path.removeprefix("/moved")})
            elif self.path.startswith("/away/"):
                self._answer(301, b"", {"Location": "http://169.254.169.254" + self.path.removeprefix("/away")})
            elif self.path.startswith("/page"):
                self._answer(200, b"<h1>hello</h1>", {"Content-Type": "text/html"})
            else:
                self._git(b"")

        def do_POST(self) -> None:
            if not self._has_password():
                return self._answer(401, b"", {"WWW-Authenticate": 'Basic realm="git"'})
            self._git(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def _has_password(self) -> bool:
            required = next((password for path, password in passwords.items() if self.path.startswith(path)), None)
            scheme, _, encoded = self.headers.get("Authorization", "").partition(" ")
            return required is None or (scheme == "Basic" and b64decode(encoded).decode().partition(":")[2] == required)

        def _git(self, body: bytes) -> None:
            parts = urlsplit(self.path)
            environment = {
                **os.environ,
                **QUIET,
                "GIT_PROJECT_ROOT": str(folder / "served"),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": parts.path,
                "QUERY_STRING": parts.query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "REMOTE_ADDR": "127.0.0.1",
            }
            process = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True)
            head, _, answer = process.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
            self._answer(int(headers.pop("Status", "200").split()[0]), answer, headers)

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    prepare(server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Repositories(folder, server.server_port, passwords)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
