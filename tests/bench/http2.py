"""The ingress beside nginx, over HTTP/2 and TLS: what one core of the proxy forwards. Both get HTTP/1.1 from the same backend."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from knative.machine import packages
from knative.machine.home import LOOPBACK
from tests.bench import usage
from tests.bench.handshakes import write_pair
from tests.bench.load import Missing
from tests.bench.meter import Numbers
from tests.bench.proxies import BACKEND, HOST, NGINX, PROXY, SIZES, find_nginx, free_port, start_ingress, start_nginx

CONNECTIONS, STREAMS = 4, 8
WARM_UP_REQUESTS = 200
TLS = "ssl http2 backlog=2048; ssl_certificate {pair}; ssl_certificate_key {pair}; http2_max_requests 1000000000"
_REQUESTS = re.compile(r"(\d+) done, (\d+) succeeded, (\d+) failed")
_FINISHED = re.compile(r"finished in [^,]+, ([\d.]+) req/s")


@dataclass(frozen=True)
class Load:
    succeeded: int
    failed: int
    rate: float
    """Requests per second."""
    output: str


def run_h2load(port: int, path: str, *options: str) -> Load:
    """Send requests over HTTP/2. `options`: of h2load. Raises Missing."""
    program = packages.NGHTTP2.find()
    if program is None:
        raise Missing("h2load is not installed. Install it: apt-get install nghttp2-client")
    url = f"https://{HOST}:{port}{path}"
    output = subprocess.run([str(program), *options, f"--connect-to={LOOPBACK}:{port}", url], capture_output=True, text=True, check=False).stdout
    requests, finished = _REQUESTS.search(output), _FINISHED.search(output)
    if requests is None or finished is None or "Application protocol: h2" not in output:
        raise Missing(f"port {port} does not speak HTTP/2: {output[-300:]}")
    done, succeeded, _ = map(int, requests.groups())
    return Load(succeeded, done - succeeded, float(finished[1]), output)


@dataclass(frozen=True)
class Http2Proxy:
    name: str
    port: int
    process: psutil.Process

    def measure(self, size: str, seconds: float) -> Numbers:
        """Requests per second of one core of the proxy, requests per second, and microseconds of CPU per request. Raises Missing."""
        path, many = f"/{SIZES[size]}", (f"-c{CONNECTIONS}", f"-m{STREAMS}")
        rate = run_h2load(self.port, path, *many, f"-n{WARM_UP_REQUESTS}").rate
        count = max(int(rate * seconds), WARM_UP_REQUESTS)
        before = usage.cpu_seconds([self.process])
        load = run_h2load(self.port, path, *many, f"-n{count}")
        used = usage.cpu_seconds([self.process]) - before
        if load.failed or not used:
            raise Missing(f"{self.name}: {load.failed} requests of {count} failed; {used:g} s of CPU")
        return {"per core": count / used, "rate": load.rate, "cpu": used / count * 1e6}


@contextmanager
def http2_proxies(checkouts: Mapping[str, Path]) -> Iterator[list[Http2Proxy]]:
    """The HTTPS port of domains of each checkout's ingress, and nginx, with the same certificate. Raises Missing."""
    program = find_nginx()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="capsule-bench-http2-", dir="/tmp")))
        folder.chmod(0o755)
        for size in SIZES.values():
            (folder / str(size)).write_bytes(b"x" * size)
        pair, backend, port = write_pair(folder), free_port(), free_port()
        start_nginx(stack, program, folder, "backend", BACKEND.format(address=f"{LOOPBACK}:{backend}", folder=folder), backend)
        server = PROXY.format(address=f"{LOOPBACK}:{port}", backend=f"{LOOPBACK}:{backend}").replace("backlog=2048", TLS.format(pair=pair))
        found = [Http2Proxy(NGINX, port, start_nginx(stack, program, folder, "http2", server, port))]
        for name, project in checkouts.items():
            port = free_port()
            process = start_ingress(stack, name, project, free_port(), backend, port, pair)
            found += [Http2Proxy(name, port, process)] if process is not None else []
        yield found
