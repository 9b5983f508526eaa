"""The stand-in for Stripe as a process, and a receiver of its webhooks."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from functions.runtime.config.settings import Settings
from tests.runtime.harness import ROOT, free_port, until
from tests.waiting import wait_limit

KEY, SECRET = "sk_test_of_a_test", "whsec_of_a_test"


@dataclass
class StandIn:
    base: str
    webhook: str
    state: Path
    process: subprocess.Popen[bytes]

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of a function that calls the stand-in."""
        return {"CAPSULE_STRIPE_API_BASE": self.base, "CAPSULE_STRIPE_API_KEY": KEY, "CAPSULE_STRIPE_WEBHOOK_SECRET": SECRET}

    @property
    def settings(self) -> Settings:
        return Settings(self.environment)

    def objects(self, kind: str) -> list[Any]:
        answer = httpx.get(f"{self.base}/v1/{kind}", params={"limit": 100}, headers={"Authorization": f"Bearer {KEY}"})
        answer.raise_for_status()
        objects: list[Any] = answer.json()["data"]
        return objects

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(wait_limit(10))


@contextmanager
def stand_in(state: Path, webhook: str = "http://127.0.0.1:9/none", port: int | None = None) -> Iterator[StandIn]:
    port = port or free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CAPSULE_")}
    settings = {"STATE": str(state), "API_KEY": KEY, "WEBHOOK_SECRET": SECRET, "WEBHOOK_URL": webhook}
    process = subprocess.Popen(
        [sys.executable, "-m", "knative.machine.stripe_stand_in"],
        env={**environment, "PORT": str(port), **{f"CAPSULE_STRIPE_{name}": value for name, value in settings.items()}},
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    here = StandIn(f"http://127.0.0.1:{port}", webhook, state, process)
    try:
        until(lambda: _answers(here), why="for the stand-in")
        yield here
    finally:
        here.stop()


def _answers(here: StandIn) -> bool:
    assert here.process.poll() is None, "the stand-in has exited"
    try:
        return httpx.get(f"{here.base}/healthz").is_success
    except httpx.HTTPError:
        return False


@dataclass
class WebhookReceiver:
    """Records webhooks as (signature, body)."""

    url: str = ""
    received: list[tuple[str, bytes]] = field(default_factory=list)

    def of_type(self, type: str) -> list[tuple[str, bytes]]:
        return [(signature, body) for signature, body in self.received if json.loads(body)["type"] == type]


@contextmanager
def webhook_receiver() -> Iterator[WebhookReceiver]:
    receiver = WebhookReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append((self.headers["Stripe-Signature"], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
