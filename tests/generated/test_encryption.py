"""The production overlay encrypts and verifies: RabbitMQ, PostgreSQL, and all that the cluster's ingress serves."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.runtime.config.settings import Settings
from functions.runtime.serving.transport_security import is_verified_amqp, is_verified_postgres, require_tls
from functions.wire.settings import InvalidSetting
from knative.machine import kustomize
from knative.machine.home import PROJECT, Home
from tests.generated.rendering import KNATIVE, render

AUTHORITIES = "/etc/capsule/authorities"
AMQPS = "amqps://auth:secret@rabbitmq.rabbitmq.svc:5671/%2F"


@pytest.fixture(scope="module")
def production(kubectl: Path) -> list[dict[str, Any]]:
    return kustomize.in_order(render(kubectl, KNATIVE / "overlays" / "production"))


def workloads(manifests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        m["metadata"]["name"]: m["spec"]["template"]["spec"]
        for m in manifests
        if m["kind"] in ("Service", "Job", "Deployment") and "template" in m["spec"]
    }


def test_jobs_come_last_so_that_the_topology_sees_every_trigger(production: list[dict[str, Any]]) -> None:
    kinds = [each["kind"] for each in production]
    assert kinds.count("Trigger") > 100 and set(kinds[kinds.index("Job") :]) == {"Job"}


def test_every_workload_has_the_authorities_and_demands_verified_connections(production: list[dict[str, Any]]) -> None:
    found = workloads(production)
    assert len(found) > 200 and {"edge-gateway", "dead-letters", "auth-migration", "capsule-topology"} <= set(found)
    for name, pod in found.items():
        (container,) = pod["containers"]
        assert {"name": "authorities", "configMap": {"name": "capsule-authorities"}} in pod["volumes"], name
        assert {"name": "authorities", "mountPath": AUTHORITIES, "readOnly": True} in container["volumeMounts"], name
        assert any(each.get("configMapRef", {}).get("name") == "capsule-settings" for each in container["envFrom"]), name
    settings = next(m["data"] for m in production if m["kind"] == "ConfigMap" and m["metadata"]["name"] == "capsule-settings")
    assert settings["CAPSULE_REQUIRE_TLS"] == "on"
    assert (settings["PGSSLMODE"], settings["PGSSLROOTCERT"]) == ("verify-full", f"{AUTHORITIES}/ca.crt")
    assert settings["PGSSLMINPROTOCOLVERSION"] == "TLSv1.3"


def test_every_public_address_of_production_is_encrypted(production: list[dict[str, Any]]) -> None:
    settings = next(m["data"] for m in production if m["kind"] == "ConfigMap" and m["metadata"]["name"] == "capsule-settings")
    addresses = {name: value for name, value in settings.items() if "://" in value}
    assert len(addresses) >= 5 and all(value.startswith(("https://", "wss://")) for value in addresses.values()), addresses


def test_the_cluster_s_ingress_encrypts() -> None:
    folder = PROJECT / "knative" / "overlays" / "production" / "knative-serving"
    network = next(each for each in yaml.safe_load_all((folder / "network.yaml").read_text()) if each["metadata"]["name"] == "config-network")
    assert network["metadata"]["namespace"] == "knative-serving"
    assert network["data"] == {"external-domain-tls": "Enabled", "http-protocol": "Redirected", "system-internal-tls": "Enabled"}


@pytest.mark.parametrize(
    ("address", "is_verified"),
    [
        (AMQPS, True),
        (AMQPS.replace("amqps", "amqp"), False),
        (f"{AMQPS}?ssl_options=%7B%27protocol%27%3A%202%2C%20%27cafile%27%3A%20%27CA%27%7D", False),
    ],
)
def test_an_address_of_rabbitmq_is_verified(address: str, is_verified: bool, tmp_path: Path) -> None:
    from knative.machine import tls
    from knative.machine.home import Ports

    home = Home(tmp_path, Ports(0), {})
    tls.ensure(home)
    assert is_verified_amqp(address.replace("CA", str(tls.authority(home)))) is is_verified


@pytest.mark.parametrize(
    ("options", "default", "is_verified"),
    [
        ("", "verify-full", True),
        ("?sslmode=verify-full", "prefer", True),
        ("?sslmode=disable", "verify-full", False),
        ("?sslmode=require", "prefer", False),
        ("", "prefer", False),
    ],
)
def test_an_address_of_postgresql_is_verified(options: str, default: str, is_verified: bool) -> None:
    assert is_verified_postgres(f"postgresql://auth:secret@db/auth{options}", default) is is_verified


def test_a_process_refuses_addresses_that_are_not_encrypted() -> None:
    environment = {"CAPSULE_AMQP_URL": AMQPS, "CAPSULE_AUTH_DATABASE_URL": "postgresql://auth:secret@db/auth"}
    require_tls(Settings({**environment, "CAPSULE_REQUIRE_TLS": "off"}), ["auth"])
    require_tls(Settings({**environment, "CAPSULE_REQUIRE_TLS": "on", "PGSSLMODE": "verify-full"}), ["auth"])
    with pytest.raises(InvalidSetting, match="CAPSULE_AUTH_DATABASE_URL is not encrypted and verified") as refused:
        require_tls(Settings({**environment, "CAPSULE_REQUIRE_TLS": "on"}), ["auth"])
    assert "secret" not in str(refused.value)
    with pytest.raises(InvalidSetting, match="must begin with amqps://"):
        require_tls(Settings({**environment, "CAPSULE_REQUIRE_TLS": "on", "CAPSULE_AMQP_URL": AMQPS.replace("amqps", "amqp")}))
