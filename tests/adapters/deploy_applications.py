"""Applications as the deploy context applies them to a cluster, and the outcomes of their objects."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx

from functions.deploy.domain import manifests
from functions.deploy.domain.deployment import WatchedObject
from functions.deploy.domain.environment import Terms
from functions.deploy.domain.names import build_job_of, namespace_of, service_of
from functions.deploy.domain.observation import BuildJobSucceeded, Observation
from functions.deploy.domain.tenancy import tenancy
from functions.deploy.ports import Cluster
from tests.deploy.deploy_capsule import IMAGE, TEMPLATE
from tests.knative.machine import Machine

PLAIN = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"VERSION")
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


class App:
    """An application in one environment, and its manifests."""

    def __init__(self) -> None:
        self.name, self.id = f"a{uuid4().hex[:10]}", uuid4()
        self.tenancy = tenancy(self.name, self.id)

    def labels(self, deployment: UUID) -> dict[str, str]:
        return {manifests.APPLICATION: str(self.id), manifests.ENVIRONMENT: "staging", manifests.DEPLOYMENT: str(deployment)}

    def job(self, deployment: UUID, **parameters: str) -> manifests.Manifest:
        build_parameters = {"APPLICATION": self.name, "IMAGE": f"capsule.local/apps/{self.name}", "REF": "", **parameters}
        return manifests.build_job(TEMPLATE, parameters=build_parameters, application=self.name, attempt=1, labels=self.labels(deployment))

    def service(self, deployment: UUID, image: str = IMAGE) -> manifests.Manifest:
        return manifests.service(
            application=self.name, labels=self.labels(deployment), release={manifests.RELEASE: "r1"}, pod=manifests.pod_spec(image), terms=Terms()
        )

    def watched(self, kind: str, deployment: UUID) -> WatchedObject:
        name = build_job_of(deployment, 1) if kind == "Job" else service_of(self.name, "staging")
        return WatchedObject(kind, namespace_of(self.name), name, deployment)


async def wait_for_outcome(cluster: Cluster, watched: WatchedObject, seconds: float = 90) -> Observation:
    async with asyncio.timeout(seconds):
        while True:
            if observation := await cluster.observe(watched):
                return observation
            await asyncio.sleep(0.2)


async def image_of(build: Any, app: App, files: dict[str, str]) -> str:
    observation, commit = await build(app, files)
    assert isinstance(observation, BuildJobSucceeded), observation
    assert observation.commit == commit
    return observation.image


def get(machine: Machine, url: str) -> str:
    answer = httpx.get(machine.ingress, headers={"Host": httpx.URL(url).host}, timeout=30)
    return f"{answer.status_code} {answer.text}"
