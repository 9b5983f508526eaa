"""Runs in a container: publishes every request it gets to a RabbitMQ queue, then responds as the request says.

ANSWERS names a header with one word for each attempt to deliver the event; the last word applies to all further ones. A
word is a status, or `hang` (no response for long), `from-<unix time>` (204, not before that time), `close` (closes the
connection), `event` (a CloudEvent in the response) or `json` (a body that is not an event).

With annotation `local.capsule.dev/consumes`, on one machine only, it consumes its messages from RabbitMQ itself, with
the consumer of every function. A message that it does not settle is pushed to it afterwards, so consuming does not
count as an attempt.
"""

import asyncio
import base64
import json
import os
import signal
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pika

NAME, QUEUE, ANSWERS = os.environ["K_SERVICE"], os.environ["OBSERVED"], os.environ["ANSWERS"]
attempts: dict[str, int] = {}
lock = threading.Lock()
local = threading.local()


def observe(observation: dict[str, object]) -> None:
    """Publish an observation (`cluster.Observation`)."""
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


Response = tuple[int, dict[str, str], bytes]


def respond(mode: str, path: str, headers: Mapping[str, str], body: bytes) -> Response | None:
    """Return the response; None to close the connection."""
    key = headers.get("ce-case", "") + headers.get("ce-id", "")
    with lock:
        attempt = attempts.get(key, 0) + 1
        if mode == "pushed":
            attempts[key] = attempt
    encoded = base64.b64encode(body).decode()
    observe({"sink": NAME, "at": time.time(), "attempt": attempt, "mode": mode, "path": path, "headers": headers, "body": encoded})
    words = headers.get(ANSWERS, "204").split()
    match words[min(attempt, len(words)) - 1]:
        case "hang":
            time.sleep(20)
            return None
        case slow if slow.startswith("from-"):
            time.sleep(max(float(slow.removeprefix("from-")) - time.time(), 0))
            return 204, {}, b""
        case "close":
            return None
        case "event":
            reply = {"ce-specversion": "1.0", "ce-id": headers["ce-id"] + "-reply", "ce-source": "/sink", "ce-type": headers["ce-replytype"]}
            return 200, {**reply, "ce-case": headers["ce-case"], "content-type": "application/json"}, b'{"reply":true}'
        case "json":
            return 200, {"content-type": "application/json"}, b"{}"
        case status:
            return int(status), {}, b""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        response = respond("pushed", self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        if response is None:
            self.close_connection = True
        else:
            self.send(*response)

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


async def consume() -> None:
    from functions.runtime.messaging.bus import Bus
    from functions.runtime.serving.queue_consumer import QueueConsumer
    from functions.wire.queue_consumption import ACTIVITY, PodActivity, consumed_queues

    pool = ThreadPoolExecutor(256)

    async def handle(path: str, headers: Mapping[str, str], body: bytes) -> Response:
        response = await asyncio.get_running_loop().run_in_executor(pool, respond, "consumed", path, headers, body)
        if response is None:
            raise ConnectionAbortedError(path)
        return response

    async def application(scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        status, response_headers, body = await handle(scope["path"], headers, (await receive())["body"])
        encoded = [(name.encode(), value.encode()) for name, value in response_headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": body})

    async def settle(path: str, attributes: Mapping[str, str], body: bytes) -> bool:
        unprefixed = ("content-type", "traceparent", "tracestate")
        headers = {name if name in unprefixed else f"ce-{name}": value for name, value in attributes.items() if name != "datacontenttype"}
        status, response_headers, _ = await handle(path, headers, body)
        return 200 <= status < 300 and "ce-type" not in response_headers

    activity = PodActivity(ACTIVITY.read(os.environ))
    consumer = QueueConsumer(application, consumed_queues(os.environ), activity, settle)
    bus = Bus(os.environ["AMQP_URL"], NAME)
    bus.on_connected(consumer.on_connected)
    bus.open()
    await asyncio.Event().wait()


signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # PID 1 of a container ignores SIGTERM without a handler
if os.environ.get("CAPSULE_CONSUMES"):
    threading.Thread(target=asyncio.run, args=(consume(),), daemon=True).start()
Server(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
