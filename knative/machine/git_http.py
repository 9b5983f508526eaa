"""Serves bare repositories over HTTP, read-only: `git http-backend` is a CGI program, this is the bridge (ASGI in front of CGI, RFC 3875).

It runs as the Knative Service `samples`: `git clone http://samples.localhost:7080/hello.git` works like any other remote. Everybody on this machine
and every build reaches it, so it never writes: a repository is changed through the file system (`repositories.Repository.commit`). Exactly the two
requests of a fetch over the smart protocol (gitprotocol-http(5)) reach git; what asks for a push is refused with a sentence, the rest is not there.

The process needs to read the repositories and nothing else; it may be another user than their owner.
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

ROOT = "CAPSULE_GIT_ROOT"
CHUNK_BYTES = 64 * 1024
MAX_REQUEST_BYTES = 1 << 20
"""What a client has and wants: 50 bytes a commit, and git compresses it."""
MAX_PROCESSES = 8
WAIT_SECONDS = 20.0
RUN_SECONDS = 120.0

NAME = re.compile(r"/(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.git)/(?P<request>.+)", re.ASCII)
READ_ONLY = "This server is read-only: nobody pushes over HTTP. Commit to the bare repository in the state folder, .capsule/git/<name>.git."
PUSH = "git-receive-pack"
WRITES = frozenset(("PUT", "DELETE", "PATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "PROPFIND", "PROPPATCH"))
"""The methods by which git pushed over WebDAV, and their like."""


class Refused(Exception):
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class GitHttp:
    """One request, one `git http-backend`."""

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
            await self._take_place()
        except Refused as refused:
            await _answer(send, refused.status, str(refused))
            return
        try:
            await _run(environment, body, receive, send)
        finally:
            self._processes.release()

    async def _take_place(self) -> None:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._processes.acquire()
        except TimeoutError as error:
            raise Refused(503, f"Other fetches have been under way for {WAIT_SECONDS:g} s. Try again.") from error

    def environment(self, scope: Scope) -> dict[str, str]:
        """CGI's variables for a request of a fetch. Raises Refused for every other."""
        method, path, query = scope["method"], scope["path"], scope["query_string"].decode("latin-1")
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if method in WRITES or PUSH in path or PUSH in unquote(query):
            raise Refused(403, READ_ONLY)
        found = NAME.fullmatch(path)
        wanted = (method, found["request"], query) if found is not None else None
        if found is None or wanted not in (("GET", "info/refs", "service=git-upload-pack"), ("POST", "git-upload-pack", "")):
            raise Refused(404, "There is nothing here. A repository is cloned by `git clone http://<this host>/<name>.git`.")
        repository = self._repository(found["name"])
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
        """A folder right in the root. Raises Refused; a link is none, wherever it leads."""
        repository = self.root.resolve() / name
        try:
            facts = repository.lstat()
        except OSError as error:
            raise Refused(404, f"There is no repository {name} here.") from error
        if not stat.S_ISDIR(facts.st_mode):
            raise Refused(404, f"There is no repository {name} here.")
        return repository


def _configuration(repository: Path) -> dict[str, str]:
    """git's own, and nobody else's files of it. The repository may belong to another user than this process: this one is trusted, no other."""
    settings = [
        *(("safe.directory", str(repository)), ("safe.directory", ".")),  # upload-pack is run inside of it
        *(("http.receivepack", "false"), ("http.uploadpack", "true"), ("http.getanyfile", "false")),
    ]
    found = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return found


async def _body(receive: Receive) -> bytes:
    """Raises Refused when it is larger than a fetch can be, or does not come."""
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            return await _whole(receive)
    except TimeoutError as error:
        raise Refused(408, f"The request did not arrive within {WAIT_SECONDS:g} s.") from error


async def _whole(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "The request broke off.")
        size += len(message.get("body", b""))
        if size > MAX_REQUEST_BYTES:
            raise Refused(413, f"A request for a fetch has at most {MAX_REQUEST_BYTES} bytes.")
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _run(environment: dict[str, str], body: bytes, receive: Receive, send: Send) -> None:
    environment["CONTENT_LENGTH"] = str(len(body))
    backend = await asyncio.create_subprocess_exec("git", "http-backend", stdin=PIPE, stdout=PIPE, env=environment, start_new_session=True)
    feeding = asyncio.create_task(_feed(backend, body, receive))
    try:
        async with asyncio.timeout(RUN_SECONDS):
            await _relay(backend, send)
    finally:
        feeding.cancel()
        if backend.returncode is None:
            with suppress(ProcessLookupError):  # http-backend has children of its own
                os.killpg(backend.pid, signal.SIGKILL)
        await backend.wait()


async def _feed(backend: Process, body: bytes, receive: Receive) -> None:
    """The request's body into the program; a client that leaves ends it."""
    assert backend.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):  # git has read what it wanted and left: its answer says why
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
    """The program's header lines, then its body as it comes."""
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
    root = os.environ.get(ROOT)
    if not root:
        sys.exit(f"{ROOT} is not set: the folder of the bare repositories")
    uvicorn.run(GitHttp(Path(root)), host="127.0.0.1", port=int(os.environ.get("PORT", "8080")), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
