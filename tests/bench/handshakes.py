"""TLS handshakes of one core of a proxy: every connection is new, nothing is resumed, and no request follows.

Clients are threads of this process. They limit the rate, not what is compared: handshakes divided by the CPU seconds of the proxy's processes.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from knative.certificates import issue, new_authority, new_key, pem
from knative.machine.home import LOOPBACK
from tests.bench import usage
from tests.bench.load import Missing
from tests.bench.meter import Numbers
from tests.bench.proxies import HOST, NGINX, find_nginx, free_port, start_ingress, start_nginx

CLIENTS, WARM_UP_SECONDS = 4, 0.5
SERVER = """
    server {{
        listen {address} ssl backlog=2048;
        ssl_certificate {pair};
        ssl_certificate_key {pair};
        ssl_protocols TLSv1.2 TLSv1.3;
        return 204;
    }}
"""


@dataclass(frozen=True)
class TlsServer:
    name: str
    port: int
    process: psutil.Process

    def measure(self, seconds: float) -> Numbers:
        """Handshakes per second of one core, handshakes per second, and microseconds of CPU per handshake. Raises: Missing."""
        shake_hands(self.port, WARM_UP_SECONDS)
        before = usage.cpu_seconds([self.process])
        count = shake_hands(self.port, seconds)
        used = usage.cpu_seconds([self.process]) - before
        if not used:
            raise Missing(f"{self.name} used less than 10 ms of CPU in {seconds:g} s: the machine is too busy to measure it")
        return {"per core": count / used, "rate": count / seconds, "cpu": used / count * 1e6}


def shake_hands(port: int, seconds: float) -> int:
    """Connect again and again for some seconds. Returns the number of handshakes. Raises OSError if one fails."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    end = time.monotonic() + seconds
    counts: list[int] = []
    failures: list[OSError] = []

    def run() -> None:
        count = 0
        try:
            while time.monotonic() < end:
                with socket.create_connection((LOOPBACK, port), timeout=30) as plain, context.wrap_socket(plain, server_hostname=HOST):
                    count += 1
        except OSError as error:
            failures.append(error)
        counts.append(count)

    threads = [threading.Thread(target=run) for _ in range(CLIENTS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if failures:
        raise failures[0]
    return sum(counts)


@contextmanager
def tls_servers(checkouts: Mapping[str, Path]) -> Iterator[list[TlsServer]]:
    """The HTTPS port of domains of each checkout's ingress, and nginx, with the same ECDSA certificate (P-256). Raises: Missing."""
    program = find_nginx()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="capsule-bench-tls-", dir="/tmp")))
        folder.chmod(0o755)
        pair = write_pair(folder)
        servers = []
        for name, project in checkouts.items():
            port = free_port()
            process = start_ingress(stack, name, project, free_port(), 0, port, pair)
            servers += [TlsServer(name, port, process)] if process is not None else []
        port = free_port()
        server = SERVER.format(address=f"{LOOPBACK}:{port}", pair=pair)
        servers.append(TlsServer(NGINX, port, start_nginx(stack, program, folder, "tls", server, port)))
        yield servers


def write_pair(folder: Path) -> Path:
    """One file with the certificate, its authority and the key, as a directory issues them."""
    signer, key, now = new_key(), new_key(), datetime.now(UTC)
    authority = new_authority("Bench", signer, now, timedelta(days=2))
    certificate = issue(authority, signer, key.public_key(), (HOST,), now, timedelta(days=1))
    path = folder / "server.pem"
    path.touch(mode=0o600)
    path.write_bytes(pem(certificate) + pem(authority) + pem(key))
    return path
