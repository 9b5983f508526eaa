"""Host names that the operator's settings name are routed beside those below localhost."""

import pytest

from functions.wire.settings import InvalidSetting
from knative.local.own_hosts import OwnHosts
from knative.local.serving.destinations import UNKNOWN, public_host
from knative.local.serving.routing import RouteEntry, RoutingTable, TrafficTarget

SETTINGS = {
    "CAPSULE_PUBLIC_URL": "https://capsule.example.com",
    "CAPSULE_DASHBOARD_URL": "https://dashboard.example.com:8443",
    "CAPSULE_TERMINAL_URL": "wss://terminal.example.com",
    "CAPSULE_APPLICATION_URL": "https://{name}.apps.example.net",
}


def entry(namespace: str, name: str, *, is_private: bool = False) -> RouteEntry:
    return RouteEntry(namespace, name, f"{namespace}-{name}", None if is_private else f"{name}.localhost", (TrafficTarget("r", 100),))


def destination(table: RoutingTable, host: str) -> str | None:
    found = public_host(table, host)
    return None if found == UNKNOWN else found[0].name  # type: ignore[union-attr, index]


def test_each_public_address_leads_to_its_service() -> None:
    table = RoutingTable(OwnHosts.read(SETTINGS))
    for each in ("edge-gateway", "dashboard", "auth-login"):
        table.put(entry("capsule", each))
    table.put(entry("capsule", "edge-terminal", is_private=True))
    table.put(entry("app-1", "hello"))
    expected = {
        "capsule.example.com": "edge-gateway",
        "dashboard.example.com": "dashboard",
        "terminal.example.com": "edge-terminal",
        "hello.apps.example.net": "hello",
        "hello.localhost": "hello",
        "dashboard.localhost": "dashboard",
        "a.hello.apps.example.net": None,
        "hello.example.net": None,
        "auth-login.apps.example.net": None,  # a function of the platform
        "dashboard.apps.example.net": None,
        "edge-terminal.localhost": None,
    }
    assert {host: destination(table, host) for host in expected} == expected


def test_addresses_of_this_machine_name_nothing_more() -> None:
    local = {"CAPSULE_PUBLIC_URL": "http://127.0.0.1:3000", "CAPSULE_DASHBOARD_URL": "http://dashboard.localhost:7080"}
    assert OwnHosts.read({}) == OwnHosts.read(local) == OwnHosts.read({"CAPSULE_APPLICATION_URL": "http://{name}.localhost:7080"}) == OwnHosts()


@pytest.mark.parametrize("host", ["{name}-{namespace}.example.com", "{name}.{namespace}.example.com", "app-{name}.example.com", "example.com/{name}"])
def test_an_address_of_applications_that_cannot_be_routed_is_refused(host: str) -> None:
    with pytest.raises(InvalidSetting, match="on one machine"):
        OwnHosts.read({"CAPSULE_APPLICATION_URL": f"https://{host}"})
