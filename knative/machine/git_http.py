"""A read-only git server over HTTP: an ASGI application in front of `git http-backend`, a CGI program (RFC 3875).

It runs as the Knative Service `samples`: `git clone http://samples.localhost:7080/hello.git` works like any other remote. Every process on this
machine and every build reaches it, so it never writes; repositories change through the file system (`repositories.Repository.commit`). Only the
two requests of a fetch over the smart protocol reach git (gitprotocol-http(5)). Pushes are refused with 403, other requests with 404.

The process only needs to read the repositories, and may run as another user than their owner.
"""

import asyncio
import os
import re
import signal
import stat
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import uvicorn
from starlette.types import Receive, Scope, Send

from functions.runtime.config.variables import PORT
from functions.wire.settings import InvalidSetting, MissingSetting
from knative.machine.variables import GIT_ROOT

CHUNK_BYTES = 64 * 1024
MAX_REQUEST_BYTES = 1 << 20
"""A fetch lists the commits that the client has and wants: 50 bytes each, compressed by git."""
MAX_PROCESSES = 8
WAIT_SECONDS = 20.0
RUN_SECONDS = 120.0

NAME = re.compile(r"/(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.git)/(?P<request>.+)", re.ASCII)
READ_ONLY = "This server is read-only. Commit to the bare repository in the state folder instead: .capsule/git/<name>.git"
PUSH = "git-receive-pack"
FETCH_REQUESTS = (("GET", "info/refs", "service=git-upload-pack"), ("POST", "git-upload-pack", ""))
"""Method, path below the repository, and query of the two requests of a fetch."""
WRITES = frozenset(("PUT", "DELETE", "PATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "PROPFIND", "PROPPATCH"))
"""HTTP methods that write, including WebDAV, which git once pushed over."""


class RequestRefused(Exception):
    """A request that is answered with `status` and its message, without git."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class GitHttp:
    """The ASGI application. Runs one `git http-backend` per request, at most `processes` at once."""

    def __init__(self, root: Path, processes: int = MAX_PROCESSES) -> None:
        self.root = root
        self._processes = asyncio.Semaphore(processes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/healthz":
            await _answer(send, 200, "ok")
            return
        try:
            environment = self.environment(scope)
            body = await _body(receive)
            await self._acquire_slot()
        except RequestRefused as refused:
            await _answer(send, refused.status, str(refused))
            return
        try:
            await _run(environment, body, receive, send)
        finally:
            self._processes.release()

    async def _acquire_slot(self) -> None:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._processes.acquire()
        except TimeoutError as error:
            raise RequestRefused(503, f"Too many fetches are running. No slot became free within {WAIT_SECONDS:g} s. Try again.") from error

    def environment(self, scope: Scope) -> dict[str, str]:
        """CGI variables for a request of a fetch. Raises: RequestRefused for every other request."""
        method, path, query = scope["method"], scope["path"], scope["query_string"].decode("latin-1")
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if method in WRITES or PUSH in path or PUSH in unquote(query):
            raise RequestRefused(403, READ_ONLY)
        match = NAME.fullmatch(path)
        request = (method, match["request"], query) if match is not None else None
        if match is None or request not in FETCH_REQUESTS:
            raise RequestRefused(404, "Not found. Clone a repository: git clone http://<this host>/<name>.git")
        repository = self._repository(match["name"])
        environment = {
            **_configuration(repository),
            "PATH": os.environ.get("PATH", os.defpath),
            "GIT_PROJECT_ROOT": str(repository.parent),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GATEWAY_INTERFACE": "CGI/1.1",
            "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REMOTE_ADDR": scope["client"][0] if scope.get("client") else "",
            "CONTENT_TYPE": headers.get("content-type", ""),
        }
        for name in ("content-encoding", "git-protocol", "accept", "user-agent"):
            if name in headers:
                environment[f"HTTP_{name.upper().replace('-', '_')}"] = headers[name]
        return environment

    def _repository(self, name: str) -> Path:
        """The repository's folder, directly in the root. Raises: RequestRefused when it is missing or a symbolic link."""
        repository = self.root.resolve() / name
        try:
            info = repository.lstat()
        except OSError as error:
            raise RequestRefused(404, f"Repository {name} not found.") from error
        if not stat.S_ISDIR(info.st_mode):
            raise RequestRefused(404, f"Repository {name} not found.")
        return repository


def _configuration(repository: Path) -> dict[str, str]:
    """Git configuration by environment variables, without the system's and the user's files. Trusts this repository only, whoever owns it."""
    settings = [
        *(("safe.directory", str(repository)), ("safe.directory", ".")),  # upload-pack runs inside it
        *(("http.receivepack", "false"), ("http.uploadpack", "true"), ("http.getanyfile", "false")),
    ]
    variables = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


async def _body(receive: Receive) -> bytes:
    """Receive the request body. Raises: RequestRefused when it is too large or does not arrive in time."""
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            return await _receive_all(receive)
    except TimeoutError as error:
        raise RequestRefused(408, f"The request did not arrive within {WAIT_SECONDS:g} s.") from error


async def _receive_all(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise RequestRefused(400, "The client closed the connection before the request was complete.")
        size += len(message.get("body", b""))
        if size > MAX_REQUEST_BYTES:
            raise RequestRefused(413, f"The request exceeds {MAX_REQUEST_BYTES} bytes.")
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _run(environment: dict[str, str], body: bytes, receive: Receive, send: Send) -> None:
    """Run git and stream its answer. The process group is killed when the time is over or the client leaves."""
    environment["CONTENT_LENGTH"] = str(len(body))
    backend = await asyncio.create_subprocess_exec("git", "http-backend", stdin=PIPE, stdout=PIPE, env=environment, start_new_session=True)
    feeder = asyncio.create_task(_feed(backend, body, receive))
    try:
        async with asyncio.timeout(RUN_SECONDS):
            await _relay(backend, send)
    finally:
        feeder.cancel()
        if backend.returncode is None:
            with suppress(ProcessLookupError):  # http-backend starts child processes
                os.killpg(backend.pid, signal.SIGKILL)
        await backend.wait()


async def _feed(backend: Process, body: bytes, receive: Receive) -> None:
    """Write the request body to git, then terminate git when the client disconnects."""
    assert backend.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):  # git may end before it has read everything; its answer says why
        backend.stdin.write(body)
        await backend.stdin.drain()
        backend.stdin.close()
    while (await receive())["type"] != "http.disconnect":
        continue
    if backend.returncode is not None:
        return
    with suppress(ProcessLookupError):
        os.killpg(backend.pid, signal.SIGTERM)


async def _relay(backend: Process, send: Send) -> None:
    """Send git's CGI headers, then its body as it arrives."""
    output = backend.stdout
    assert output is not None
    status, headers = 200, []
    while (line := (await output.readline()).rstrip(b"\r\n")) != b"":
        name, _, value = line.partition(b":")
        if name.lower() == b"status":
            status = int(value.split()[0])
        else:
            headers.append((name.lower(), value.strip()))
    if not headers and await backend.wait() != 0:
        await _answer(send, 500, "git http-backend failed")
        return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    while chunk := await output.read(CHUNK_BYTES):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _answer(send: Send, status: int, text: str) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain; charset=utf-8")]})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})


def main() -> None:
    try:
        root, port = GIT_ROOT.read(os.environ), PORT.read(os.environ)
    except (MissingSetting, InvalidSetting) as error:
        sys.exit(str(error))
    uvicorn.run(GitHttp(root), host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
