"""`./taskw status`: one line per subject, at most 80 columns, details only for failures."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from knative.machine.home import Home
from knative.machine.status import storage, workloads
from knative.machine.status.row import Row, State

MIB = 1 << 20
SERVICE = "serving.knative.dev/service"


class Cluster:
    """Objects by kind, as the Kubernetes API lists them."""

    def __init__(self, **objects: list[dict[str, Any]]) -> None:
        self.objects = objects

    def find(self, api_version: str, kind: str, namespace: str | None = None, labels: str | None = None) -> list[dict[str, Any]]:
        return self.objects.get(kind, [])


def service(name: str, *, failure: str = "") -> dict[str, Any]:
    ready = {"type": "Ready", "status": "False", "reason": failure} if failure else {"type": "Ready", "status": "True"}
    url = f"http://{name}.capsule.svc.cluster.local"
    return {"metadata": {"name": name, "namespace": "capsule"}, "status": {"conditions": [ready], "url": url}}


def test_a_pinned_split_of_traffic_is_named() -> None:
    split = service("auth-login") | {"spec": {"traffic": [{"revisionName": "auth-login-00001", "percent": 100}]}}
    cluster: Any = Cluster(Service=[split], Pod=[])
    row = workloads.functions(cluster)
    assert row.summary.endswith("1 pinned") and row.details == ("pinned traffic: auth-login: auth-login-00001 100 %",)


def pod(service_name: str) -> dict[str, Any]:
    return {"metadata": {"labels": {SERVICE: service_name}}, "status": {"phase": "Running"}}


def test_functions_are_counted_and_only_failed_ones_named() -> None:
    cluster: Any = Cluster(Service=[service("auth-login"), service("auth-register"), service("edge-gateway")], Pod=[pod("edge-gateway")])
    assert workloads.functions(cluster) == Row("functions", State.GOOD, "2 at zero, 1 running, 0 failed")
    cluster.objects["Service"].append(service("deploy-deploy", failure="RevisionFailed"))
    row = workloads.functions(cluster)
    assert row.is_bad and row.summary == "2 at zero, 1 running, 1 failed" and row.details == ("deploy-deploy: RevisionFailed",)


def test_all_functions_are_listed_on_request_without_cluster_local_urls() -> None:
    cluster: Any = Cluster(Service=[service("auth-login"), service("edge-gateway")], Pod=[pod("edge-gateway")])
    details = workloads.functions(cluster, show_all=True).details
    assert [line.split(maxsplit=1) for line in details] == [["auth-login", "at zero"], ["edge-gateway", "1 instance"]]


def test_a_failed_application_is_named_and_does_not_make_the_platform_unhealthy() -> None:
    cluster: Any = Cluster(Service=[service("hello"), service("shop", failure="ExitsAtStart")])
    row = workloads.applications(cluster)
    assert not row.is_bad and row.summary == "1 serving, 1 failed" and row.details == ("capsule/shop: ExitsAtStart",)
    assert workloads.applications(cluster, show_all=True).details[0].startswith("capsule/hello: http://hello")


def test_a_long_list_of_failures_is_shortened() -> None:
    assert workloads.shorten([str(number) for number in range(25)])[-2:] == ("9", "… and 15 more")


def test_a_line_fits_80_columns() -> None:
    row = Row("functions", State.GOOD, "97 at zero, 14 running, 0 failed")
    console = Console(width=80, force_terminal=False)
    with console.capture() as captured:
        for line in row.lines():
            console.print(line)
    assert captured.get() == "● functions     97 at zero, 14 running, 0 failed\n"


def test_container_disks_count_allocated_bytes(tmp_path: Path) -> None:
    for name, written in (("one", 2 * MIB), ("two", 3 * MIB)):
        disks = tmp_path / "knative" / "pods" / "app-shop" / name / "disks"
        disks.mkdir(parents=True)
        with (disks / "root-1.img").open("wb") as file:
            file.write(b"x" * written)
            file.truncate(1 << 30)
    assert storage.container_disks(Home(tmp_path)) == "2 container disks, 5 MB"


def test_no_container_has_a_disk(tmp_path: Path) -> None:
    assert storage.container_disks(Home(tmp_path)) == "no container disks"


@pytest.mark.parametrize(
    "pressure, is_healthy",
    [
        (None, True),
        ({"reserve_bytes": 1, "ends_at_bytes": 1, "is_under_pressure": False}, True),
        ({"reserve_bytes": 1 << 60, "ends_at_bytes": 1 << 60, "is_under_pressure": False}, False),
        ({"reserve_bytes": 1, "ends_at_bytes": 1 << 60, "is_under_pressure": True}, False),
        ({"reserve_bytes": 1, "ends_at_bytes": 1, "is_under_pressure": True}, True),
    ],
)
def test_the_disk_is_unhealthy_below_the_reserve_and_under_pressure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pressure: Any, is_healthy: bool
) -> None:
    if pressure is not None:
        (tmp_path / "knative").mkdir()
        (tmp_path / "knative" / "disk-pressure.json").write_text(json.dumps(pressure))
    monkeypatch.setenv("CAPSULE_DISK_RESERVE_GIB", "0")
    row = storage.disk(Home(tmp_path))
    assert row.state is (State.GOOD if is_healthy else State.BAD) and ", reserve " in row.summary
    assert any("DiskPressure" in detail for detail in row.details) is not is_healthy
