"""Applications as deploy applies them to a cluster, and how their objects end."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx

from functions.deploy.domain import manifests
from functions.deploy.domain.environment import Terms
from functions.deploy.domain.names import job_of, namespace_of, service_of
from functions.deploy.domain.observation import Built, Observation
from functions.deploy.domain.status import Awaited
from functions.deploy.domain.tenancy import tenancy
from functions.deploy.ports import Cluster
from tests.deploy.world import IMAGE, TEMPLATE
from tests.knative.machine import Machine

PLAIN = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"VERSION")
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


class App:
    """An application in one environment and what it applies."""

    def __init__(self) -> None:
        self.name, self.id = f"a{uuid4().hex[:10]}", uuid4()
        self.tenancy = tenancy(self.name, self.id)

    def labels(self, deployment: UUID) -> dict[str, str]:
        return {manifests.APPLICATION: str(self.id), manifests.ENVIRONMENT: "staging", manifests.DEPLOYMENT: str(deployment)}

    def job(self, deployment: UUID, **parameters: str) -> manifests.Manifest:
        said = {"APPLICATION": self.name, "IMAGE": f"capsule.local/apps/{self.name}", "REF": "", **parameters}
        return manifests.build_job(TEMPLATE, parameters=said, application=self.name, attempt=1, labels=self.labels(deployment))

    def service(self, deployment: UUID, image: str = IMAGE) -> manifests.Manifest:
        return manifests.service(
            application=self.name, labels=self.labels(deployment), release={manifests.RELEASE: "r1"}, pod=manifests.pod_of(image), terms=Terms()
        )

    def awaited(self, kind: str, deployment: UUID) -> Awaited:
        name = job_of(deployment, 1) if kind == "Job" else service_of(self.name, "staging")
        return Awaited(kind, namespace_of(self.name), name, deployment)


async def ended(cluster: Cluster, awaited: Awaited, seconds: float = 90) -> Observation:
    async with asyncio.timeout(seconds):
        while True:
            if seen := await cluster.observe(awaited):
                return seen
            await asyncio.sleep(0.2)


async def image_of(built: Any, app: App, files: dict[str, str]) -> str:
    seen, commit = await built(app, files)
    assert isinstance(seen, Built), seen
    assert seen.commit == commit
    return seen.image


def get(machine: Machine, url: str) -> str:
    answer = httpx.get(machine.ingress, headers={"Host": httpx.URL(url).host}, timeout=30)
    return f"{answer.status_code} {answer.text}"
