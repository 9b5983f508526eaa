"""An instance that is bound to a database reaches its server, by one port of its own network; no other instance does, nor any other port."""

import asyncio
import os
import shutil
import socket
import sys
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from functions.deploy.domain.service_plans import SMALL
from knative.local.sandbox.plan import Isolation
from knative.local.serving.build_access import NOTHING
from knative.local.serving.http.relays import relay
from knative.local.serving.naming import DATA_SERVICES, POSTGRES_PORT
from knative.local.serving.pods.network import PodNetwork, PodNetworks
from knative.local.serving.pods.preparation import service_listeners
from knative.machine.services_postgres import ServicesPostgres
from tests.adapters.services_server import provisioner_on, services_postgres
from tests.knative.sandbox.conftest import HAS_NETWORKS

__all__ = ["services_postgres"]
QUERY = "import psycopg, sys; print(psycopg.connect(sys.argv[1], connect_timeout=5).execute('SELECT current_user').fetchone()[0])"


@pytest.mark.skipif(not HAS_NETWORKS or os.geteuid() != 0 or shutil.which("nsenter") is None, reason="a process enters a pod's network as root only")
async def test_an_instance_reaches_its_database_by_one_port(services_postgres: ServicesPostgres) -> None:
    provisioner = provisioner_on(services_postgres)
    await provisioner.create("s1", SMALL)
    url = (await provisioner.add_login("s1", "s1_1", "f" * 48, SMALL)).replace(f":{services_postgres.port}/", f":{POSTGRES_PORT}/")
    networks = PodNetworks()
    with socket.create_server(("127.0.0.1", 0)) as other:
        outcomes = []
        for services in ({POSTGRES_PORT: partial(relay, port=services_postgres.port)}, {}):
            pod = PodNetwork(networks, Isolation.ROOT, None, NOTHING, services)
            await pod.open(True)
            try:
                outcomes.append(await run_inside(pod, QUERY, url))
                assert "refused" in await run_inside(pod, f"import socket; socket.create_connection(('127.0.0.1', {other.getsockname()[1]}))")
                assert "refused" in await run_inside(pod, f"import socket; socket.create_connection(('127.0.0.1', {services_postgres.port}))")
            finally:
                await pod.close()
    assert outcomes[0] == "s1" and "refused" in outcomes[1]


async def run_inside(pod: PodNetwork, program: str, *arguments: str) -> str:
    """Run a Python program in the network of a pod. Returns its output, errors included."""
    assert pod.network is not None
    process = await asyncio.create_subprocess_exec(
        *("nsenter", f"--net={pod.network.join[-1]}", "--", sys.executable, "-c", program, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode().strip()


@pytest.mark.parametrize(
    ("annotations", "ports"),
    [
        ({DATA_SERVICES: "postgres"}, {5432}),
        ({DATA_SERVICES: "redis"}, {6379}),
        ({DATA_SERVICES: "postgres,redis"}, {5432, 6379}),
        ({}, set()),
        (None, set()),
    ],
)
def test_only_a_pod_with_the_annotation_reaches_a_server(annotations: Any, ports: set[int]) -> None:
    node: Any = SimpleNamespace(postgres_services=SimpleNamespace(listen_for_pod=None), redis_services=SimpleNamespace(listen_for_pod=None))
    assert set(service_listeners(node, {"metadata": {"annotations": annotations}})) == ports
