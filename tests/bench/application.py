"""A deployed application from zero, as its visitor sees it, without the time that the application itself takes to start.

The application answers with that time: from the start of its process, as the kernel recorded it, until it listens. What is left is ours: ingress,
sandbox, network, and noticing that it listens. The kernel counts in hundredths of a second, so a single figure is exact to 10 ms.
"""

import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from knative.machine import repositories
from tests.bench.load import Missing
from tests.bench.meter import Numbers
from tests.bench.systems import Capsule, until

NAME = "bench-from-zero"
DEPLOY_SECONDS, END_SECONDS = 300, 120
POD: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod"}
PROGRAM = """import os, socketserver, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"%.3f" % OWN_SECONDS
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    def server_bind(self):
        socketserver.TCPServer.server_bind(self)  # HTTPServer's asks for the name of the machine


server = Server(("0.0.0.0", int(os.environ["PORT"])), Handler)
with open("/proc/self/stat") as stat:
    started_at = int(stat.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
OWN_SECONDS = time.clock_gettime(time.CLOCK_BOOTTIME) - started_at
server.serve_forever()
"""
FILES = {"Procfile": "web: exec python app.py\n", "requirements.txt": "", "app.py": PROGRAM}


@dataclass
class Applications:
    """The application of each Capsule, deployed when it is first measured."""

    hosts: dict[str, str] = field(default_factory=dict)

    def from_zero(self, capsule: Capsule) -> Numbers:
        """Seconds until the answer: `above` the application's own start, and all of them."""
        if capsule.name not in self.hosts:
            self.hosts[capsule.name] = _deploy(capsule)
        host = self.hosts[capsule.name]
        _end_instances(capsule)
        started_at = time.perf_counter()
        own = _visit(capsule, host)
        total = time.perf_counter() - started_at
        if total < own:
            raise Missing(f"An instance of {host} ran already: it took {own:.2f} s to start, and the answer {total:.2f} s")
        return {"above": total - own, "total": total, "own start": own}


def _deploy(capsule: Capsule) -> str:
    """Deploy the application to staging. Returns its host. Raises: Missing."""
    token = capsule.tokens.read_text().partition("\n")[0]
    repository = repositories.create(capsule.home, NAME, FILES)
    with httpx.Client(base_url=capsule.url, headers={"authorization": f"Bearer {token}"}, timeout=60, trust_env=False) as client:
        path = f"/v1/apps/{_json(client.post('/v1/apps', json={'name': NAME, 'repository': repository.url}))['id']}"
        deployment = _json(client.post(f"{path}/deployments", json={"environment": "staging"}))["id"]

        def ended() -> dict[str, Any] | None:
            view = _json(client.get(f"{path}/deployments/{deployment}"))
            return view if view["status"] in ("succeeded", "failed", "cancelled", "rolled-back") else None

        view = until(ended, DEPLOY_SECONDS, f"for {capsule.name} to deploy an application")
        if view["status"] != "succeeded":
            raise Missing(f"{capsule.name}: the deployment {view['status']}: {view['reason']}, {view['detail']}")
        url = next(each["url"] for each in _json(client.get(path))["environments"] if each["name"] == "staging")
    return str(urlsplit(url).netloc)


def _json(response: httpx.Response) -> Any:
    if response.is_error:
        raise Missing(f"{response.request.method} {response.url} answered {response.status_code}: {response.text[:300]}")
    return response.json()


def _visit(capsule: Capsule, host: str) -> float:
    """Returns the application's own start, in seconds."""
    ports = capsule.home.ports
    response = httpx.get(f"http://127.0.0.1:{ports.ingress}/", headers={"Host": host}, timeout=60, trust_env=False)
    if response.status_code != httpx.codes.OK:
        raise Missing(f"{host} answered {response.status_code} after a cold start: {response.text[:200]}")
    return float(response.text)


def _end_instances(capsule: Capsule) -> None:
    """Delete the instances, and wait until none is left."""
    cluster, namespace = capsule.cluster, f"app-{NAME}"

    def running() -> list[dict[str, Any]]:
        listed = cluster.find("v1", "Pod", namespace)
        return [pod for pod in listed if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")]

    for pod in running():
        cluster.delete({**POD, "metadata": {"namespace": namespace, "name": pod["metadata"]["name"]}})
    until(lambda: not running(), END_SECONDS, f"until no instance of {NAME} is left")
