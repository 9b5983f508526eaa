"""Runs in a container: tells a RabbitMQ queue of every request it gets, then answers as the request itself asks.

The header that ANSWERS names holds one word for each try of the same event, the last one for all further tries: a status, or
`hang` (no answer for long), `from-<unix time>` (204, not before then), `close` (the connection is broken off), `event` (a CloudEvent in
the answer), `json` (a body that is none).
"""

import base64
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pika

NAME, QUEUE, ANSWERS = os.environ["K_SERVICE"], os.environ["OBSERVED"], os.environ["ANSWERS"]
tries: dict[str, int] = {}
lock = threading.Lock()
local = threading.local()


def observe(observation: dict[str, object]) -> None:
    body = json.dumps(observation).encode()
    for last in (False, True):
        try:
            if getattr(local, "channel", None) is None:
                local.channel = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"])).channel()
                local.channel.confirm_delivery()
            local.channel.basic_publish("", QUEUE, body, pika.BasicProperties(delivery_mode=2))
            return
        except pika.exceptions.AMQPError:
            local.channel = None
            if last:
                raise


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        key = headers.get("ce-case", "") + headers.get("ce-id", "")
        with lock:
            number = tries[key] = tries.get(key, 0) + 1
        at = time.time()
        observe({"sink": NAME, "at": at, "try": number, "path": self.path, "headers": headers, "body": base64.b64encode(body).decode()})
        words = headers.get(ANSWERS, "204").split()
        self.answer(words[min(number, len(words)) - 1], headers)

    def answer(self, word: str, headers: dict[str, str]) -> None:
        match word:
            case "hang":
                time.sleep(20)
                self.close_connection = True
            case slow if slow.startswith("from-"):
                time.sleep(max(float(slow.removeprefix("from-")) - time.time(), 0))
                self.send(204, {}, b"")
            case "close":
                self.close_connection = True
            case "event":
                reply = {"ce-specversion": "1.0", "ce-id": headers["ce-id"] + "-reply", "ce-source": "/sink", "ce-type": headers["ce-replytype"]}
                self.send(200, {**reply, "ce-case": headers["ce-case"], "content-type": "application/json"}, b'{"reply":true}')
            case "json":
                self.send(200, {"content-type": "application/json"}, b"{}")
            case status:
                self.send(int(status), {}, b"")

    def send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.send(200, {}, b"")

    def log_message(self, format: str, *arguments: object) -> None:
        print(self.command, self.path, *arguments, flush=True)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


Server(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
