"""Domains of tenants on the ingress: DomainMappings with claims, challenges, redirects, and certificates that are replaced under load."""

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from kubernetes.client import ApiException

from knative.local.serving.domains import CHALLENGES
from tests.certificates import Authority
from tests.knative.machine import Machine, Object, condition, service, until

THUMBPRINT = "nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ"
DOMAIN_GROUP, CLAIM_GROUP = ("serving.knative.dev", "v1beta1"), ("networking.internal.knative.dev", "v1alpha1")


def claim(machine: Machine, host: str, namespace: str) -> None:
    body = {"apiVersion": "/".join(CLAIM_GROUP), "kind": "ClusterDomainClaim", "metadata": {"name": host}, "spec": {"namespace": namespace}}
    machine.custom.create_cluster_custom_object(*CLAIM_GROUP, "clusterdomainclaims", body)


def map_domain(machine: Machine, host: str, namespace: str, secret: str | None = None, **annotations: str) -> None:
    body: Object = {
        "apiVersion": "/".join(DOMAIN_GROUP),
        "kind": "DomainMapping",
        "metadata": {"name": host, "namespace": namespace, "annotations": annotations},
        "spec": {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "sample", "namespace": namespace}},
    }
    if secret is not None:
        body["spec"]["tls"] = {"secretName": secret}
    try:
        machine.custom.create_namespaced_custom_object(*DOMAIN_GROUP, namespace, "domainmappings", body)
    except ApiException as error:
        if error.status != 409:
            raise
        machine.custom.patch_namespaced_custom_object(*DOMAIN_GROUP, namespace, "domainmappings", host, body)


def store_pair(machine: Machine, namespace: str, name: str, pair: tuple[Path, Path]) -> None:
    data = dict(zip(("tls.crt", "tls.key"), (base64.b64encode(path.read_bytes()).decode() for path in pair), strict=True))
    body = {"metadata": {"name": name}, "type": "kubernetes.io/tls", "data": data}
    try:
        machine.core.create_namespaced_secret(namespace, body)
    except ApiException as error:
        if error.status != 409:
            raise
        machine.core.patch_namespaced_secret(name, namespace, {"data": data})


def status(machine: Machine, namespace: str, host: str, type: str = "Ready") -> Object:
    return condition(machine.custom.get_namespaced_custom_object(*DOMAIN_GROUP, namespace, "domainmappings", host), type)


def serial(port: int, host: str, trusted: str) -> int:
    """The serial number of the certificate that a client gets, which verifies it. Raises ssl.SSLError."""
    context = ssl.create_default_context(cafile=trusted)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, context.wrap_socket(plain, server_hostname=host) as connection:
        certificate = connection.getpeercert(binary_form=True)
    assert certificate is not None
    return x509.load_der_x509_certificate(certificate).serial_number


@contextmanager
def visitors(port: int, host: str, trusted: str, count: int = 3) -> Iterator[list[int | Exception]]:
    """Clients that connect one time after the other. Yields what they got."""
    results: list[int | Exception] = []
    ends = threading.Event()

    def visit() -> None:
        while not ends.is_set():
            try:
                results.append(serial(port, host, trusted))
            except OSError as error:  # also ssl.SSLError
                results.append(error)

    threads = [threading.Thread(target=visit) for _ in range(count)]
    for each in threads:
        each.start()
    try:
        yield results
    finally:
        ends.set()
        for each in threads:
            each.join()


@pytest.fixture
def http(machine: Machine) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{7083 + machine.offset}", timeout=30) as client:
        yield client


def test_a_domain_is_served_redirected_and_its_certificate_replaced_under_load(
    machine: Machine, namespace: str, http: httpx.Client, tmp_path: Path
) -> None:
    host, https_port = f"shop.{namespace}.example", 7084 + machine.offset
    machine.create(service(namespace))
    machine.ready(namespace, "sample")
    claim(machine, host, namespace)
    map_domain(machine, host, namespace, **{"local.capsule.dev/acme-thumbprint": THUMBPRINT})
    until(lambda: status(machine, namespace, host).get("status") == "True")

    assert http.get("/", headers={"Host": host}).status_code == 200
    answer = http.get(f"{CHALLENGES}LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0", headers={"Host": host})
    assert (answer.status_code, answer.text) == (200, f"LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0.{THUMBPRINT}")
    assert THUMBPRINT not in http.get(f"{CHALLENGES}<script>", headers={"Host": host}).text
    authority = Authority()
    trusted = authority.trust(tmp_path)
    with pytest.raises(ssl.SSLError):
        serial(https_port, host, trusted)

    store_pair(machine, namespace, "shop-tls", authority.write(tmp_path / "1", host))
    own = {"networking.knative.dev/http-protocol": "Redirected", "local.capsule.dev/hsts": "max-age=31536000"}
    map_domain(machine, host, namespace, "shop-tls", **own, **{"local.capsule.dev/acme-thumbprint": THUMBPRINT})
    until(lambda: http.get("/echo?a=1", headers={"Host": host}).status_code == 308)
    moved = http.get("/echo?a=1", headers={"Host": host})
    assert moved.headers["location"] == f"https://{host}:{https_port}/echo?a=1"
    assert http.get(f"{CHALLENGES}LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0", headers={"Host": host}).status_code == 200
    with httpx.Client(verify=ssl.create_default_context(cafile=trusted)) as client:
        secure = client.get(f"https://127.0.0.1:{https_port}/", headers={"Host": host}, extensions={"sni_hostname": host})
    assert (secure.status_code, secure.headers["strict-transport-security"]) == (200, "max-age=31536000")

    first = serial(https_port, host, trusted)
    with visitors(https_port, host, trusted) as results:
        for number in range(2, 5):
            store_pair(machine, namespace, "shop-tls", authority.write(tmp_path / str(number), host))
            before = len(results)
            until(lambda before=before: len(results) > before + 20)  # type: ignore[misc]
    assert [each for each in results if isinstance(each, Exception)] == []
    assert len(set(results)) >= 3 and serial(https_port, host, trusted) != first

    store_pair(machine, namespace, "shop-tls", (tmp_path / "2" / "server.crt", tmp_path / "3" / "server.key"))  # not its key
    until(lambda: status(machine, namespace, host, "CertificateProvisioned").get("status") == "False")
    assert serial(https_port, host, trusted) == results[-1]  # the former pair stays


def test_a_domain_belongs_to_the_namespace_of_its_claim(machine: Machine, namespace: str, http: httpx.Client) -> None:
    host, other = f"one.{namespace}.example", machine.namespace()
    for each in (namespace, other):
        machine.create(service(each))
    machine.ready(namespace, "sample")
    map_domain(machine, host, other)
    until(lambda: status(machine, other, host).get("reason") == "DomainClaimNotOwned")
    assert http.get("/", headers={"Host": host}).status_code == 404

    claim(machine, host, namespace)
    map_domain(machine, host, namespace)
    until(lambda: status(machine, namespace, host).get("status") == "True")
    until(lambda: status(machine, other, host).get("reason") == "DomainAlreadyClaimed")
    assert http.get("/", headers={"Host": host}).status_code == 200

    own = httpx.URL(machine.ready(namespace, "sample")["status"]["url"]).netloc.decode()
    assert http.get("/", headers={"Host": own}).status_code == 404, "its own host is for the ingress port, which may stay on loopback"
    machine.custom.delete_namespaced_custom_object(*DOMAIN_GROUP, namespace, "domainmappings", host)
    until(lambda: http.get("/", headers={"Host": host}).status_code == 404)


def test_no_mapping_takes_a_host_of_a_route(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace))
    found = machine.ready(namespace, "sample")
    host, other = httpx.URL(found["status"]["url"]).host, machine.namespace()
    machine.create(service(other, env=[{"name": "WHO", "value": "other"}]))
    claim(machine, host, other)
    map_domain(machine, host, other, **{"local.capsule.dev/acme-thumbprint": THUMBPRINT})
    until(lambda: status(machine, other, host, "DomainClaimed").get("status") == "True")
    with machine.http(found) as client:
        assert client.get(f"{CHALLENGES}LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0").text.find(THUMBPRINT) == -1
