"""The attacker as a web application.

GET /            "attacker"
GET /facts       every harmless probe, as JSON
GET /build       what the build found
POST /probe/NAME one probe that uses more than it was given; the body is its arguments
POST /hold       opens a file of that name in the working folders of other processes, and writes to it when those processes have ended
POST /overwrite  writes a file of its own image; POST /exit ends this instance; POST /look searches the environments of others for a word
POST /talk       starts a daemon that prints a word after this instance has ended
POST /attack     runs the resident attacker in the background for some seconds
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from probes import facts, holding, identity, residence, resources, talking


def targets():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "targets.json")) as file:
        return json.load(file)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/facts":
            self.answer(facts.collect(targets()))
        elif self.path == "/build":
            self.answer(json.loads(holding.own_text("build-results.json") or "{}"))
        elif self.path == "/environment":
            self.answer(dict(os.environ))
        else:
            self.answer({"attacker": bool(identity.AT_START), "attacking": residence.is_attacking(), "content": holding.own_text(holding.NAME)})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        name = self.path.removeprefix("/probe/")
        if self.path == "/attack":
            threading.Thread(target=residence.attack, args=(targets(), body["seconds"], log_line, body.get("only", ())), daemon=True).start()
            self.answer({"started": True})
        elif self.path == "/hold":
            threading.Thread(target=holding.search, args=(body["text"], body["seconds"]), daemon=True).start()
            self.answer({"searching": True})
        elif self.path == "/talk":
            talking.talk_on(body["word"], body["seconds"])
            self.answer({"talking": True})
        elif self.path == "/overwrite":
            self.answer(holding.overwrite(body["name"], body["text"]))
        elif self.path == "/exit":
            os._exit(3)
        elif self.path == "/look":
            self.answer(holding.environments(body["word"], body["seconds"]))
        elif name in resources.PROBES:
            self.answer(resources.PROBES[name](**body))
        else:
            self.answer({"error": f"no probe {name}"}, 404)

    def answer(self, body, status=200):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format, *arguments):
        """Log nothing: the log is for the output of probes."""


def log_line(line):
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
