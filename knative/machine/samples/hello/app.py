"""Capsule's sample application: answers on $PORT and writes one line a request."""

import json
import os
import sys
import time

from waitress import serve

GREETING = "Hello from Capsule!"


def application(environ, start_response):
    started = time.perf_counter()
    body = f"{GREETING}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
    line = {"method": environ["REQUEST_METHOD"], "path": environ["PATH_INFO"], "status": 200, "ms": round((time.perf_counter() - started) * 1000, 3)}
    print(json.dumps(line), flush=True)
    return [body]


if __name__ == "__main__":
    port = int(os.environ.get("PORT", "8080"))
    print(json.dumps({"listening": port, "python": sys.version.split()[0]}), flush=True)
    serve(application, host="127.0.0.1", port=port, threads=8, ident=None)
