"""ACME Renewal Information (RFC 9773) beside a pebble (Debian 12's has none): a directory with `renewalInfo`, and its resource."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from tests.certificates import Authority
from tests.pebble import LOOPBACK, Pebble


@dataclass
class RenewalInfo:
    """`window`: which every certificate gets. `requests`: the identifiers of certificates (section 4.1) in requests."""

    directory: str
    ca_bundle: Path
    window: tuple[datetime, datetime] = (datetime.max.replace(tzinfo=UTC) - timedelta(days=1), datetime.max.replace(tzinfo=UTC))
    retry_after_seconds: int = 3600
    requests: list[str] = field(default_factory=list)

    def revoke(self) -> None:
        """What Let's Encrypt does before it revokes: a window in the past."""
        now = datetime.now(UTC)
        self.window = now - timedelta(days=2), now - timedelta(days=1)


@contextmanager
def running(folder: Path, pebble: Pebble) -> Iterator[RenewalInfo]:
    authority = Authority("Renewal information")
    certificate, key = authority.write(folder / "server", "localhost", LOOPBACK)
    bundle = folder / "authorities.crt"
    bundle.write_text(Path(authority.trust(folder)).read_text() + pebble.ca_bundle.read_text())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/dir":
                document = httpx.get(pebble.directory, verify=False).json() | {"renewalInfo": f"{base}/renewal-info"}
            else:
                found.requests.append(self.path.removeprefix("/renewal-info/"))
                start, end = (each.strftime("%Y-%m-%dT%H:%M:%SZ") for each in found.window)
                document = {"suggestedWindow": {"start": start, "end": end}}
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", str(found.retry_after_seconds))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    base = f"https://localhost:{server.server_port}"
    found = RenewalInfo(f"{base}/dir", bundle)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
