"""The ingress beside nginx: reverse proxies in front of one small backend, which is an nginx too.

Each proxy runs in one process with one thread. Requests per second depend on what wrk and the backend leave of two cores; the figure that is compared
is what one core of the proxy forwards: requests divided by the CPU seconds of its processes. nginx has buffers for a megabyte, and writes no
temporary files.
"""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from knative.machine import packages
from knative.machine.home import LOOPBACK
from tests.bench import load, usage
from tests.bench.checkouts import python_of
from tests.bench.load import Missing
from tests.bench.meter import Numbers
from tests.bench.systems import until

NGINX = "nginx"
HOST = "bench.localhost"
SIZES = {"1 kB": 1_000, "1 MB": 1_000_000}
WARM_UP_SECONDS, START_SECONDS = 1.0, 120
BACKEND = """
    server {{ listen {address}; root {folder}; }}
"""
PROXY = """
    upstream backend {{ server {backend}; keepalive 128; }}
    server {{
        listen {address} backlog=2048;
        location / {{
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_buffers 16 64k;
            proxy_busy_buffers_size 128k;
            proxy_max_temp_file_size 0;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
        }}
    }}
"""
CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/{name}.pid; error_log {folder}/{name}.log warn; {user}
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; default_type application/octet-stream;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {server}
}}
"""


@dataclass(frozen=True)
class Proxy:
    """A running proxy."""

    name: str
    url: str
    process: psutil.Process

    def measure(self, size: str, connections: int, seconds: float) -> Numbers:
        """Requests per second of one core of the proxy, requests per second, and microseconds of CPU per request."""
        target = f"{self.url}/{SIZES[size]}"
        load.rate_of(target, HOST, connections, WARM_UP_SECONDS)
        before = usage.cpu_seconds([self.process])
        rate = load.rate_of(target, HOST, connections, seconds)
        used = usage.cpu_seconds([self.process]) - before
        if not used:
            raise Missing(f"{self.name} used less than 10 ms of CPU in {seconds:g} s: the machine is too busy to measure it")
        return {"per core": rate * seconds / used, "rate": rate, "cpu": used / (rate * seconds) * 1e6, "core": used / seconds * 100}


@contextmanager
def proxies(checkouts: Mapping[str, Path]) -> Iterator[list[Proxy]]:
    """The ingress of each checkout, by the name of the system, and nginx. They are stopped afterwards. Raises: Missing."""
    program = find_nginx()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="capsule-bench-nginx-", dir="/tmp")))
        folder.chmod(0o755)
        for size in SIZES.values():
            (folder / str(size)).write_bytes(b"x" * size)
        backend = free_port()
        start_nginx(stack, program, folder, "backend", BACKEND.format(address=f"{LOOPBACK}:{backend}", folder=folder), backend)
        started = []
        for name, project in checkouts.items():
            port = free_port()
            process = start_ingress(stack, name, project, port, backend)
            started += [Proxy(name, f"http://{LOOPBACK}:{port}", process)] if process is not None else []
        port = free_port()
        server = PROXY.format(address=f"{LOOPBACK}:{port}", backend=f"{LOOPBACK}:{backend}")
        started.append(Proxy(NGINX, f"http://{LOOPBACK}:{port}", start_nginx(stack, program, folder, "proxy", server, port)))
        yield started


def find_nginx() -> Path:
    """Raises: Missing."""
    program = packages.NGINX.find()
    if program is None:
        raise Missing("nginx is not installed. Install it: apt-get install nginx")
    return program


def start_ingress(
    stack: ExitStack, name: str, project: Path, port: int, backend: int, https_port: int = 0, pair: Path | None = None
) -> psutil.Process | None:
    """The ingress of a checkout; None if that checkout cannot run it. `pair`: the file that `https_port` serves with."""
    command = [python_of(project), "-P", str(Path(__file__).with_name("ingress_process.py")), str(port), str(backend), HOST]
    command += [str(https_port), str(pair)] if pair is not None else []
    try:
        return _start(stack, command, https_port or port, {"PYTHONPATH": str(project)})
    except Missing as missing:
        print(f"Skipping the ingress of {name}: {missing}", file=sys.stderr)
        return None


def start_nginx(stack: ExitStack, program: Path, folder: Path, name: str, server: str, port: int) -> psutil.Process:
    path = folder / f"{name}.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    path.write_text(CONFIGURATION.format(folder=folder, name=name, server=server, user=user))
    return _start(stack, [str(program), "-c", str(path), "-e", f"{folder}/{name}.log"], port, {})


def _start(stack: ExitStack, command: list[str], port: int, environment: Mapping[str, str]) -> psutil.Process:
    """Start a program and wait until it listens. Raises: Missing with what it printed."""
    output = tempfile.TemporaryFile()  # noqa: SIM115 - the stack closes it
    stack.enter_context(output)
    child = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **environment})
    stack.callback(_stop, child)

    def is_listening() -> bool:
        if child.poll() is not None:
            output.seek(0)
            raise Missing(f"{command[0]} exited with {child.returncode}: {output.read().decode(errors='replace')[-500:]}")
        with socket.socket() as connection:
            return connection.connect_ex((LOOPBACK, port)) == 0

    until(is_listening, START_SECONDS, f"for {' '.join(command[:3])}")
    return psutil.Process(child.pid)


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(15)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind((LOOPBACK, 0))
        return int(listening.getsockname()[1])
