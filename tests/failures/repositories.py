"""Commits that fail in one way each, and some that look as if they would and serve.

Each is a set of files on top of an application that serves.
"""

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
    """`reasons`: one of them is the deployment's; none: it succeeds. `words`: in its detail."""

    name: str
    files: Mapping[str, str]
    reasons: tuple[str, ...] = ()
    words: str = ""
    status: str = "failed"


def app(source: str) -> dict[str, str]:
    return {"app.py": source}


def server(before: str = "", serve: str = SERVE) -> dict[str, str]:
    return app(SERVER + before + serve)


SOCKET = "import os, socket\nlistener = socket.create_server(('0.0.0.0', int(os.environ['PORT'])))\n"
LATER = "import threading\n\n\ndef end():\n    print('no worker left', flush=True)\n    os._exit({})\n\n\nthreading.Timer({}, end).start()\n"

FAILING_RELEASE = "release: python -c \"raise SystemExit('no database')\"\n"
CRASH_ONCE = "import sys\nif not os.path.exists('/tmp/x'):\n    open('/tmp/x', 'w').close()\n    sys.exit(1)\n"
FILL_DISK = "with open('/app/x', 'wb') as file:\n    for _ in range(4096):\n        file.write(b'x' * (1 << 20))\n        file.flush()\n"
OTHER_PROTOCOL = "while True:\n    listener.accept()[0].sendall(b'220 ready\\r\\n')\n"
OTHER_PORT = "http.server.HTTPServer(('0.0.0.0', 3000), Handler).serve_forever()\n"
INSTALL, EXITS = ("build-failed",), ("exits-at-start",)
BAD_REQUIREMENT = {"requirements.txt": "no-such-package-of-capsule==99\n"}
FIRST_REQUEST = "listener.accept()\nraise SystemExit('cannot')\n"

BUILD = (
    Commit("a dependency does not exist", BAD_REQUIREMENT, INSTALL, "no-such-package"),
    Commit("nothing starts", {"Procfile": "", "requirements.txt": "", "app.py": "", "README": "x"}, ("not-recognized", "build-failed")),
    Commit("the release command fails", {"Procfile": f"{FAILING_RELEASE}web: python app.py\n"}, ("release-phase-failed",), "no database"),
)
START = (
    Commit("a module is missing", app("import no_such_module\n"), EXITS, "ModuleNotFoundError: No module named 'no_such_module' (app.py:1)"),
    Commit("a variable is missing", app("import os\nos.environ['DATABASE_URL']\n"), EXITS, "KeyError: 'DATABASE_URL'"),
    Commit("a syntax error", app("x = = 1\n"), EXITS, "SyntaxError: invalid syntax (app.py:1)"),
    Commit("it exits with code 0", app("print('done')\n"), EXITS, "code 0 before listening on $PORT: done"),
    Commit("it listens on another port", server(serve=OTHER_PORT), ("wrong-port",), "3000"),
    Commit("it never listens", app("import time\ntime.sleep(3600)\n"), ("never-listens",), "$PORT"),
    Commit("it answers 500", server("STATUS = 500\n"), ("unhealthy",), "GET / answered 500"),
    Commit("it does not speak HTTP", app(SOCKET + OTHER_PROTOCOL), ("does-not-answer",), "not HTTP"),
    Commit("it accepts and does not answer", app(f"{SOCKET}import time\ntime.sleep(3600)\n"), ("does-not-answer",), "no answer"),
    Commit("it dies on its first request", app(SOCKET + FIRST_REQUEST), EXITS, "after it listened on $PORT"),
    Commit("it needs too much memory", app("x = [b'x' * (1 << 20) for _ in range(2048)]\n"), ("out-of-memory",), "memory"),
    Commit("it fills its disk", app(FILL_DISK), (*EXITS, "disk-full")),
)
OBSERVED = (
    Commit("it dies after two seconds", server(LATER.format(3, 2.5)), ("crashes",), "no worker left", "rolled-back"),
    Commit("it ends with code 0 after two seconds", server(LATER.format(0, 2.5)), ("crashes",), "code 0", "rolled-back"),
)
SERVING = (
    Commit("its front page is not found", server("STATUS = 404\n")),
    Commit("its front page needs a login", server("STATUS = 401\n")),
    Commit("it starts slowly", server("import time\ntime.sleep(12)\n")),
    Commit("it crashes once at its start", server(CRASH_ONCE)),
    Commit("it listens on the loopback only", server(serve=SERVE.replace("0.0.0.0", "127.0.0.1"))),
)
COMMITS = (*BUILD, *START, *OBSERVED, *SERVING)
"""In the order of the steps in which they fail."""
