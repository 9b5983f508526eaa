"""Commits that build, and fail in one way each when they start or afterwards, and some that look as if they would and serve."""

from tests.failures.commit import SERVE, Commit, app, server

SOCKET = "import os, socket\nlistener = socket.create_server(('0.0.0.0', int(os.environ['PORT'])))\n"
LATER = "import threading\n\n\ndef end():\n    print('no worker left', flush=True)\n    os._exit({})\n\n\nthreading.Timer({}, end).start()\n"

CRASH_ONCE = "import sys\nif not os.path.exists('/tmp/x'):\n    open('/tmp/x', 'w').close()\n    sys.exit(1)\n"
FILL_DISK = "with open('/app/x', 'wb') as file:\n    for _ in range(4096):\n        file.write(b'x' * (1 << 20))\n        file.flush()\n"
OTHER_PROTOCOL = "while True:\n    listener.accept()[0].sendall(b'220 ready\\r\\n')\n"
OTHER_PORT = "http.server.HTTPServer(('0.0.0.0', 3000), Handler).serve_forever()\n"
EXITS = ("exits-at-start",)
HEALTH = {"capsule.toml": '[deploy]\nhealth_path = "/health"\n'}
HEALTH_FAILS = "Handler.send_response = lambda self, _: Base.send_response(self, 500 if self.path == '/health' else 200)\n"
HEALTH_FAILS = f"Base = http.server.BaseHTTPRequestHandler\n{HEALTH_FAILS}"
LATER_MEMORY = "import threading\nthreading.Timer(2.5, lambda: [b'x' * (1 << 20) for _ in range(2048)]).start()\n"
LATER_500 = "import threading\nthreading.Timer(2.5, lambda: globals().update(STATUS=500)).start()\n"
LATER_CLOSED = "import threading, time\n"
CLOSING = (
    "listening = http.server.ThreadingHTTPServer(('0.0.0.0', int(os.environ['PORT'])), Handler)\n"
    "threading.Timer(2.5, listening.shutdown).start()\nlistening.serve_forever()\nlistening.server_close()\ntime.sleep(3600)\n"
)
IPV6_ONLY = (
    "import socket\n\n\nclass Server(http.server.ThreadingHTTPServer):\n    address_family = socket.AF_INET6\n\n"
    "    def server_bind(self):\n        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)\n        super().server_bind()\n\n\n"
    "Server(('::', int(os.environ['PORT'])), Handler).serve_forever()\n"
)
FIRST_REQUEST = "listener.accept()\nraise SystemExit('cannot')\n"

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
    Commit("its program is not installed", {"Procfile": "web: no-such-server app:app\n"}, EXITS, "no-such-server"),
    Commit("its program may not be run", {"Procfile": "web: ./start.sh\n", "start.sh": "exec python app.py\n"}, EXITS, "ermission"),
    Commit("a signal ends it", app("import os\nos.abort()\n"), EXITS, "signal"),
    Commit("it closes connections unanswered", app(f"{SOCKET}while True:\n    listener.accept()[0].close()\n"), ("does-not-answer",)),
    Commit("it answers 503", server("STATUS = 503\n"), ("unhealthy",), "GET / answered 503"),
    Commit("its health path answers 500", {**HEALTH, **server(HEALTH_FAILS)}, ("unhealthy",), "GET /health answered 500"),
)
OBSERVED = (
    Commit("it dies after two seconds", server(LATER.format(3, 2.5)), ("crashes",), "no worker left", "rolled-back"),
    Commit("it ends with code 0 after two seconds", server(LATER.format(0, 2.5)), ("crashes",), "code 0", "rolled-back"),
    Commit("it needs too much memory after two seconds", server(LATER_MEMORY), ("out-of-memory",), "memory", "rolled-back"),
    Commit("it answers 500 after two seconds", server(LATER_500), ("failing-requests",), "500", "rolled-back"),
    Commit("it stops listening after two seconds", server(LATER_CLOSED, CLOSING), ("does-not-answer", "crashes"), "", "rolled-back"),
)
SERVING = (
    Commit("its front page is not found", server("STATUS = 404\n")),
    Commit("its front page needs a login", server("STATUS = 401\n")),
    Commit("it starts slowly", server("import time\ntime.sleep(12)\n")),
    Commit("it crashes once at its start", server(CRASH_ONCE)),
    Commit("it listens on the loopback only", server(serve=SERVE.replace("0.0.0.0", "127.0.0.1"))),
    Commit("it listens on IPv6 only", server(serve=IPV6_ONLY)),
    Commit("it listens on the loopback of IPv6 only", server(serve=IPV6_ONLY.replace("'::'", "'::1'"))),
)
