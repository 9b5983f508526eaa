"""What the ports of domains serve beside the domains of tenants: with the operator's HTTPS every public host over TLS, without it nothing."""

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx

from knative.local.own_hosts import OwnHosts
from knative.local.serving.domain_ports import PublicPorts
from knative.local.serving.http.tls_contexts import server_context
from knative.local.serving.http.upstreams import Upstreams
from knative.local.serving.ingress import Ingress
from knative.local.serving.routing import RouteEntry, Routing, RoutingTable, TrafficTarget
from tests.certificates import Authority
from tests.runtime.harness import free_port

HOST = "capsule.example.com"


@asynccontextmanager
async def ingress(tls: ssl.SSLContext | None) -> AsyncIterator[PublicPorts]:
    async def no_pod(port: int) -> socket.socket:
        raise ConnectionRefusedError

    table = RoutingTable(OwnHosts({HOST: "edge-gateway"}))
    table.put(RouteEntry("capsule", "edge-gateway", "uid", "edge-gateway.localhost", (TrafficTarget("r", 100),)))
    public = PublicPorts("127.0.0.1", free_port(), free_port(), lambda port, address: socket.create_server((address, port)))
    routing = cast(Routing, SimpleNamespace(table=table))
    found = Ingress(routing, Upstreams(no_pod), free_port(), open_port=lambda port: socket.create_server(("127.0.0.1", port)), tls=tls, public=public)
    await found.start()
    try:
        yield public
    finally:
        await found.stop()


async def get(port: int, host: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(f"http://127.0.0.1:{port}/v1/apps?a=1", headers={"Host": host, **headers})


async def test_plain_http_leads_to_https_unless_it_carries_a_token(tmp_path: Path) -> None:
    context = server_context(ssl.TLSVersion.TLSv1_3)
    context.load_cert_chain(*Authority().write(tmp_path, HOST))
    async with ingress(context) as ports:
        moved = await get(ports.http, HOST)
        assert (moved.status_code, moved.headers["location"]) == (308, f"https://{HOST}:{ports.https}/v1/apps?a=1")
        refused = await get(ports.http, HOST, Authorization="Bearer token")
        assert refused.status_code == 400 and f"https://{HOST}:{ports.https}" in refused.text
        assert (await get(ports.http, "nobody.example.com")).status_code == 404


async def test_without_https_of_the_operator_nothing_but_domains_is_served() -> None:
    async with ingress(None) as ports:
        for host in (HOST, "edge-gateway.localhost"):
            assert (await get(ports.http, host)).status_code == 404
