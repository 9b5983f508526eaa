"""Serves bare repositories over HTTP by git itself: `git http-backend` is a CGI program, this is the bridge (ASGI in front of CGI, RFC 3875).

It runs as the Knative Service `samples`, so that `git clone http://samples.localhost:7080/hello.git` works like any other remote, and pushing
too: it is a local demo's server, reachable from this machine only.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send

ROOT = "CAPSULE_GIT_ROOT"
CHUNK = 64 * 1024


class GitHttp:
    """One request, one `git http-backend`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/healthz":
            await _answer(send, 200, b"ok\n")
            return
        backend = await asyncio.create_subprocess_exec("git", "http-backend", stdin=PIPE, stdout=PIPE, env=self.environment(scope))
        feeding = asyncio.create_task(_feed(receive, backend))
        try:
            await _relay(backend, send)
        finally:
            feeding.cancel()
            if backend.returncode is None:
                backend.terminate()
            await backend.wait()

    def environment(self, scope: Scope) -> dict[str, str]:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "2",  # the repositories may belong to another user than this process
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_CONFIG_KEY_1": "http.receivepack",
            "GIT_CONFIG_VALUE_1": "true",
            "GATEWAY_INTERFACE": "CGI/1.1",
            "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
            "REQUEST_METHOD": scope["method"],
            "PATH_INFO": scope["path"],
            "QUERY_STRING": scope["query_string"].decode("latin-1"),
            "REMOTE_ADDR": scope["client"][0] if scope.get("client") else "",
            "CONTENT_TYPE": headers.get("content-type", ""),
        }
        if "content-length" in headers:
            environment["CONTENT_LENGTH"] = headers["content-length"]
        for name in ("content-encoding", "git-protocol", "accept", "user-agent", "host"):
            if name in headers:
                environment[f"HTTP_{name.upper().replace('-', '_')}"] = headers[name]
        return environment


async def _feed(receive: Receive, backend: Process) -> None:
    """The request's body into the program; a client that leaves ends it."""
    pipe = backend.stdin
    if pipe is None:
        return
    try:
        while True:
            message: Any = await receive()
            if message["type"] == "http.disconnect":
                backend.terminate()
                return
            pipe.write(message.get("body", b""))
            await pipe.drain()
            if not message.get("more_body"):
                pipe.close()
                return
    except (BrokenPipeError, ConnectionResetError, ProcessLookupError):
        return  # git has read what it wanted and left: its answer says why


async def _relay(backend: Process, send: Send) -> None:
    """The program's header lines, then its body as it comes."""
    output = backend.stdout
    if output is None:
        return
    status, headers = 200, []
    while (line := (await output.readline()).rstrip(b"\r\n")) != b"":
        name, _, value = line.partition(b":")
        if name.lower() == b"status":
            status = int(value.split()[0])
        else:
            headers.append((name.lower(), value.strip()))
    if not headers and await backend.wait() != 0:
        await _answer(send, 500, b"git http-backend failed\n")
        return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    while chunk := await output.read(CHUNK):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _answer(send: Send, status: int, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    root = os.environ.get(ROOT)
    if not root:
        sys.exit(f"{ROOT} is not set: the folder of the bare repositories")
    uvicorn.run(GitHttp(Path(root)), host="127.0.0.1", port=int(os.environ.get("PORT", "8080")), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
