"""A tenant's process cannot reach what is not its own."""

import os
from pathlib import Path

import pytest

from knative.local.sandbox.isolation import detect
from knative.local.sandbox.plan import Isolation
from knative.machine.home import PROJECT
from tests.knative.machine import Machine, service

pytestmark = pytest.mark.skipif(detect() is Isolation.NONE, reason="neither root's namespaces nor bubblewrap work here")


def test_a_tenant_reads_no_secret_of_the_platform_or_of_another_tenant(machine: Machine, namespace: str) -> None:
    machine.core.create_namespaced_secret("capsule", {"metadata": {"name": f"s-{namespace}"}, "stringData": {"url": "postgres://platform"}})
    value = {"secretKeyRef": {"name": f"s-{namespace}", "key": "url"}}
    name = f"platform-{namespace}"
    machine.create(service("capsule", name, env=[{"name": "DATABASE_URL", "valueFrom": value}]))
    other = machine.namespace()
    machine.create(service(other, "neighbour", env=[{"name": "KEY", "value": "of the neighbour"}]))
    machine.create(service(namespace, "hostile", resources={"limits": {"memory": "256Mi"}}))
    with (
        machine.http(machine.ready("capsule", name)),
        machine.http(machine.ready(other, "neighbour")) as neighbour,
        machine.http(machine.ready(namespace, "hostile")) as hostile,
    ):
        theirs = neighbour.get("/who").json()
        assert any("of the neighbour" in Path(f"/proc/{pid}/environ").read_text() for pid in machine.pids(other)), "the test proves nothing"
        assert machine.process is not None
        for pid in (*machine.pids("capsule", name), machine.process.pid, *machine.pids(other)):
            assert "error" in hostile.get("/read", params={"path": f"/proc/{pid}/environ"}).json()
        processes = [name for name in hostile.get("/list", params={"path": "/proc"}).json()["names"] if name.isdigit()]
        assert len(processes) <= 2, "it sees the processes of others"
        for path in ("kubeconfig", "knative/store.db", "knative/tls/token.key", "knative/tls/admin.token"):
            assert (machine.home / path).exists()
            assert "error" in hostile.get("/read", params={"path": str(machine.home / path)}).json()
        for folder in (machine.home, machine.home / "knative" / "pods", "/root", Path.home()):
            answer = hostile.get("/list", params={"path": str(folder)}).json()
            hidden = {"kubeconfig", "log.txt", ".ssh", ".bashrc", "capsule"} - set(PROJECT.parts)  # the code is seen at its place
            assert "error" in answer or not hidden & set(answer["names"]), (folder, answer)
        assert "error" in hostile.get("/read", params={"path": "/etc/shadow"}).json()
        assert 0 not in (hostile.get("/who").json()["uid"], theirs["uid"])
        if os.geteuid() == 0:
            maps = [each.get("/read", params={"path": "/proc/self/uid_map"}).json()["content"].split() for each in (hostile, neighbour)]
            assert all(inside == "0" and int(outside) > 1_000_000_000 and count == "65536" for inside, outside, count in maps)
            assert maps[0] != maps[1], "every container has a range of its own"
    machine.delete("capsule", name)
