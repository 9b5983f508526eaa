"""The wildcard of applications: a real one-machine Knative orders it by DNS-01, serves it by name and renews it under load.

The certificates of the directory live for a minute, so one is renewed while the test watches.
"""

import socket
import ssl
import threading
from pathlib import Path

import httpx
from cryptography import x509

from knative.local.ordered_certificates import ordered_certificates
from knative.machine import tls
from knative.machine.home import Home, Ports
from tests import pebble as pebble_servers
from tests.dns_hooks import hook_of, write_hook
from tests.knative.machine import Machine, service, until
from tests.pebble import LOOPBACK
from tests.proof import proof
from tests.runtime.harness import free_port
from tests.servers import free_offset

pytestmark = proof("domains")
VALIDITY_SECONDS = 60
DOMAIN = "apps.example.com"


def serial_number(port: int, host: str, trusted: str) -> int:
    """Of the certificate that is served and verified. Raises OSError."""
    context = ssl.create_default_context(cadata=trusted)
    with socket.create_connection((LOOPBACK, port), timeout=30) as plain, context.wrap_socket(plain, server_hostname=host) as connection:
        certificate = connection.getpeercert(binary_form=True)
    assert certificate is not None
    return x509.load_der_x509_certificate(certificate).serial_number


def test_the_wildcard_comes_is_served_and_renewed_under_load_without_a_failed_handshake(tmp_path: Path) -> None:
    offset = free_offset()
    port = 7084 + offset
    with pebble_servers.running(tmp_path, free_port(), VALIDITY_SECONDS) as pebble:
        settings = {
            "CAPSULE_HTTPS": "on",
            "CAPSULE_APPLICATION_URL": f"https://{{name}}.{DOMAIN}",
            "CAPSULE_ACME_DIRECTORY": pebble.directory,
            "CAPSULE_ACME_CA_BUNDLE": str(pebble.ca_bundle),
            "CAPSULE_DNS_HOOK": str(write_hook(tmp_path / "hook", hook_of(pebble))),
        }
        folder = tmp_path / "home"
        folder.mkdir()
        tls.ensure_https(Home(folder, Ports(offset), settings))
        machine = Machine(folder, offset, settings)
        machine.start()
        try:
            template = {"domain-template": "{{.Name}}.{{.Domain}}"}  # as the overlay of one machine has it
            machine.core.create_namespaced_config_map("knative-serving", {"metadata": {"name": "config-network"}, "data": template})
            namespace = machine.namespace()
            machine.create(service(namespace))
            host = httpx.URL(machine.ready(namespace, "sample")["status"]["url"]).host.replace(".localhost", f".{DOMAIN}")
            [wildcard] = ordered_certificates(folder, settings)
            until(lambda: wildcard.state.expires_at, 60)
            trusted = pebble.root()
            with httpx.Client(verify=ssl.create_default_context(cadata=trusted), trust_env=False, timeout=30) as client:
                answer = client.get(f"https://{LOOPBACK}:{port}/headers", headers={"Host": host}, extensions={"sni_hostname": host})
            assert answer.status_code == 200, answer.text

            results: list[int | OSError] = []
            ends = threading.Event()

            def visit() -> None:
                while not ends.wait(0.02):
                    try:
                        results.append(serial_number(port, host, trusted))
                    except OSError as error:
                        results.append(error)

            visitors = [threading.Thread(target=visit) for _ in range(2)]
            for each in visitors:
                each.start()
            try:
                before = until(lambda: results[0] if results else 0)
                until(lambda: results[-1] != before, 3 * VALIDITY_SECONDS, every=0.5)
            finally:
                ends.set()
                for each in visitors:
                    each.join()
        finally:
            machine.stop()
    failed = [each for each in results if isinstance(each, OSError)]
    assert failed == [] and len(set(results)) == 2, (len(results), failed[:3], machine.log[-2000:])
    print(f"{len(results)} handshakes, none failed")
