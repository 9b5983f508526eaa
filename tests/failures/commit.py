"""A commit: files on top of an application that serves, and how its deployment must end."""

from collections.abc import Mapping
from dataclasses import dataclass

SERVER = """import http.server
import os


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(STATUS)
        self.end_headers()
        self.wfile.write(VERSION.encode())

    def log_message(self, *words):
        pass


STATUS, VERSION = 200, "good"
"""
SERVE = "http.server.ThreadingHTTPServer(('0.0.0.0', int(os.environ['PORT'])), Handler).serve_forever()\n"
GOOD: Mapping[str, str] = {"Procfile": "web: python app.py\n", "requirements.txt": "", "app.py": SERVER + SERVE}


@dataclass(frozen=True)
class Commit:
    """`files`: None deletes one. `reasons`: one of them is the deployment's; none: it succeeds. `words`: in its detail."""

    name: str
    files: Mapping[str, str | None]
    reasons: tuple[str, ...] = ()
    words: str = ""
    status: str = "failed"


def app(source: str) -> dict[str, str | None]:
    return {"app.py": source}


def server(before: str = "", serve: str = SERVE) -> dict[str, str | None]:
    return app(SERVER + before + serve)


def only(files: Mapping[str, str]) -> dict[str, str | None]:
    """A repository of these files alone."""
    return {**dict.fromkeys(GOOD), **files}


def building(command: str) -> dict[str, str | None]:
    """A build command of the repository's own."""
    return {"capsule.toml": f"[build]\ncommand = '{command}'\n"}
