"""The ingress of a checkout alone in a process: one Route, whose only pod is a port of this machine. Run with that checkout on PYTHONPATH.

    python -P tests/bench/ingress_process.py PORT BACKEND_PORT HOST [HTTPS_PORT FILE]

FILE has a certificate with its key: HOST is a domain then, which HTTPS_PORT serves.
It is the ingress that `./taskw up` starts, on the same event loop, without the rest of the one-machine Knative: no autoscaler, collector, API server.
"""

import asyncio
import signal
import socket
import ssl
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import uvloop

from knative.local.serving.http.upstreams import Upstreams
from knative.local.serving.ingress import Ingress
from knative.local.serving.pods.network import PodNetworks
from knative.local.serving.routing import RouteEntry


class OneRoute:
    """What the ingress needs of `Routing`."""

    def __init__(self, host: str, port: int) -> None:
        pod = SimpleNamespace(port=port)

        async def acquire(timeout_seconds: float) -> Any:
            return pod

        scaler = SimpleNamespace(name="bench-00001", timeout_seconds=60.0, ready_pods=1, failure=None, acquire=acquire, release=lambda pod: None)
        route = RouteEntry("app-bench", "bench", "uid", host, ())
        found = (route, None)
        self.table = SimpleNamespace(domain=lambda host: None, by_host=lambda name: found if name == host else None)
        self.scaler = lambda route, target: scaler
        self.scaler_of_request = lambda route, target, exchange: scaler

    def record_request(self, *measured: object) -> None:
        """Nothing is metered."""


async def main() -> None:
    port, backend, host = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    public = _public_ports(*sys.argv[4:]) if sys.argv[4:] else None
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    routing = OneRoute(host, backend)
    if public is not None:
        domain = _domain(host)
        routing.table.certificate = lambda name: public[1] if name == host else None
        routing.table.domain = lambda name: domain if name == host else None
    ingress = Ingress(routing, Upstreams(PodNetworks().connect), port, public=public and public[0])  # type: ignore[arg-type]
    await ingress.start()
    await stop.wait()
    await ingress.stop()


def _public_ports(https_port: str, pair: str) -> Any:
    """The ports of domains, and the context of the certificate."""
    from knative.local.serving.domain_ports import PublicPorts
    from knative.local.serving.http.tls_contexts import load_pair

    ports = PublicPorts("127.0.0.1", 0, int(https_port), lambda port, address: socket.create_server((address, port), backlog=2048))
    return ports, load_pair(Path(pair).read_bytes(), ssl.TLSVersion.TLSv1_2)


def _domain(host: str) -> Any:
    from knative.local.serving.domains import Domain

    return Domain(host, "app-bench", "bench")


if __name__ == "__main__":
    uvloop.run(main())
