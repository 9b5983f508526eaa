"""Host names through the API and the ingress: owned, refused with a reason, passed on; and the platform's loopback ports."""

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.knative.machine import Machine, condition, service, until
from tests.knative.serving.conftest import machine_at


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with one flat name space, as in knative/overlays/local. Each test has host names of its own."""
    with machine_at(tmp_path_factory.mktemp("flat")) as machine:
        if "knative-serving" not in [each.metadata.name for each in machine.core.list_namespace().items]:
            machine.namespace("knative-serving")
        data = {"domain-template": "{{.Name}}.{{.Domain}}"}
        machine.core.create_namespaced_config_map("knative-serving", {"metadata": {"name": "config-network"}, "data": data})
        yield machine


def named(machine: Machine, namespace: str, name: str, version: str, **more: object) -> None:
    machine.create(service(namespace, name, env=[{"name": "VERSION", "value": version}], **more))  # type: ignore[arg-type]


def answer(machine: Machine, name: str) -> object:
    found = httpx.get(machine.ingress, headers={"Host": f"{name}.localhost"}, timeout=30)
    return found.json()["version"] if found.status_code == 200 else found.status_code


def test_a_taken_host_is_refused_and_passes_to_the_next_claim_when_it_is_free(flat: Machine) -> None:
    first, second, third = (flat.namespace() for _ in range(3))
    for namespace in (first, second, third):
        named(flat, namespace, "shop", namespace)
        (flat.ready if namespace == first else flat.failed)(namespace, "shop")
        time.sleep(1.1)  # metadata.creationTimestamp has seconds
    refused = flat.get("services", second, "shop")
    route = flat.get("routes", second, "shop")
    for ready in (condition(refused, "Ready"), condition(refused, "RoutesReady"), condition(route, "IngressReady")):
        assert (
            ready["reason"] == "DomainConflict" and '"shop.localhost" belongs to another Route' in ready["message"] and first not in ready["message"]
        )
    assert answer(flat, "shop") == first

    flat.delete(second, "shop")  # another claim is removed: the owner stays
    until(lambda: answer(flat, "shop") == first)
    assert flat.stop() == 0
    flat.start()
    flat.ready(first, "shop")
    assert condition(flat.failed(third, "shop"), "Ready")["reason"] == "DomainConflict"
    assert answer(flat, "shop") == first

    flat.delete(first, "shop")
    until(lambda: condition(flat.get("services", third, "shop"), "Ready")["status"] == "True")
    assert answer(flat, "shop") == third


def test_the_platform_owns_its_hosts_even_if_it_claims_them_later(flat: Machine) -> None:
    tenant = flat.namespace()
    named(flat, tenant, "edge-gateway", "tenant")
    flat.ready(tenant, "edge-gateway")
    assert answer(flat, "edge-gateway") == "tenant"
    time.sleep(1.1)
    named(flat, "capsule", "edge-gateway", "platform")
    flat.ready("capsule", "edge-gateway")
    assert answer(flat, "edge-gateway") == "platform"
    assert condition(flat.failed(tenant, "edge-gateway"), "Ready")["reason"] == "DomainConflict"
    flat.delete(tenant, "edge-gateway")
    until(lambda: not [each for each in flat.custom.list_namespaced_custom_object("serving.knative.dev", "v1", tenant, "routes")["items"]])
    assert answer(flat, "edge-gateway") == "platform"


def test_the_host_of_a_tag_has_one_owner_too(flat: Machine) -> None:
    one, two = flat.namespace(), flat.namespace()
    named(flat, one, "beta-store", "named so")
    flat.ready(one, "beta-store")
    time.sleep(1.1)
    named(flat, two, "store", "tagged")
    flat.ready(two, "store")
    tagged = [{"latestRevision": True, "percent": 100, "tag": "beta"}]
    flat.patch(two, "store", {"spec": {"traffic": tagged}})
    message = condition(flat.failed(two, "store"), "Ready")["message"]
    assert '"beta-store.localhost" belongs to another Route' in message
    assert answer(flat, "beta-store") == "named so" and answer(flat, "store") == "tagged", "its own host stays its own"
    flat.delete(one, "beta-store")
    until(lambda: condition(flat.get("services", two, "store"), "Ready")["status"] == "True")
    assert answer(flat, "beta-store") == "tagged"


def test_a_loopback_port_serves_one_platform_service_and_scales_it_from_zero(flat: Machine) -> None:
    url = f"http://127.0.0.1:{7081 + flat.offset}/"
    tenant = flat.namespace()
    named(flat, tenant, "payments", "tenant", loopback_port="7081")
    flat.ready(tenant, "payments")
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)

    private = {"networking.knative.dev/visibility": "cluster-local"}
    zero = {"autoscaling.knative.dev/window": "6s", "autoscaling.knative.dev/initial-scale": "1"}
    named(flat, "capsule", "payments", "payments of the platform", loopback_port="7081", labels=private, annotations=zero)
    flat.ready("capsule", "payments")
    for host in ("127.0.0.1", "payments.localhost", "edge-gateway.localhost"):
        assert httpx.get(url, headers={"Host": host}).json()["version"] == "payments of the platform"
    assert answer(flat, "payments") == "tenant", "it has no public host"
    until(lambda: not flat.pods("capsule", "payments"), 30)
    assert httpx.get(url, timeout=30).json()["version"] == "payments of the platform"

    named(flat, "capsule", "other", "other", loopback_port="7081")
    ready = condition(flat.failed("capsule", "other"), "Ready")
    assert ready["reason"] == "LoopbackPortUnavailable" and "capsule/payments" in ready["message"]
    flat.delete("capsule", "payments")
    until(lambda: condition(flat.get("services", "capsule", "other"), "Ready")["status"] == "True")
    assert httpx.get(url, timeout=30).json()["version"] == "other"


def test_a_tenants_host_port_is_ignored(flat: Machine) -> None:
    tenant = flat.namespace()
    flat.create(service(tenant, "front", annotations={"local.capsule.dev/host-port": "3000"}))
    with flat.http(flat.ready(tenant, "front")) as http:
        assert http.get("/").status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{3000 + flat.offset}/")
