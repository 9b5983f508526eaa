"""1,000 sandboxes made and removed leave nothing behind: processes, mounts, loop devices, control groups, folders, descriptors, memory."""

import time
from dataclasses import replace

from kubernetes.client.exceptions import ApiException

from tests.hostile import host
from tests.knative.jobs.test_jobs import job
from tests.knative.machine import Machine, until
from tests.knative.serving.conftest import machine
from tests.proof import proof

__all__ = ["machine"]
pytestmark = proof("tenant-isolation")
COUNT, AT_ONCE, WARM = 1000, 20, 40
INODES = 40
"""Files that the machine keeps for itself: its database's journal, logs and their rotation, an entry of a namespace."""
MEMORY_MIB = 32
"""The allocator's own: arenas and caches that a process keeps once it was busy. A leak of 32 KiB a sandbox would be seen."""
OPEN_FILES = 8


def test_nothing_is_left_of_a_thousand(machine: Machine) -> None:
    assert machine.process is not None
    run(machine, WARM)
    before = quiet(machine)
    run(machine, COUNT)
    after = quiet(machine)
    print(f"\nbefore {host.printed(before)}\nafter  {host.printed(after)}")
    exact = {"inodes": 0, "memory_mib": 0, "open_files": 0}
    assert replace(after, **exact) == replace(before, **exact)
    assert after.inodes <= before.inodes + INODES
    assert after.open_files <= before.open_files + OPEN_FILES
    assert after.memory_mib <= before.memory_mib + MEMORY_MIB


def run(machine: Machine, count: int) -> None:
    """Jobs of tenants, each a sandbox that runs `true`; a few at once, each deleted when it has ended, and its namespace after some."""
    for start in range(0, count, 100):
        namespace = machine.namespace()
        names = [f"one-{number}" for number in range(start, min(start + 100, count))]
        waiting: list[str] = []
        for name in names:
            body = job(name, "", command=["true"], spec={"backoffLimit": 0}, resources={"limits": {"memory": "64Mi"}})
            machine.batch.create_namespaced_job(namespace, body)
            waiting.append(name)
            if len(waiting) >= AT_ONCE:
                remove_one(machine, namespace, waiting)
        while waiting:
            remove_one(machine, namespace, waiting)
        machine.core.delete_namespace(namespace)
        until(lambda namespace=namespace: gone(machine, namespace), 120)


def remove_one(machine: Machine, namespace: str, waiting: list[str]) -> None:
    """Whichever has ended: it must have ended well."""

    def look() -> str | None:
        for found in machine.batch.list_namespaced_job(namespace).items:
            kinds = {each.type for each in found.status.conditions or []}
            assert "Failed" not in kinds, found.status
            if "Complete" in kinds and found.metadata.name in waiting:
                return str(found.metadata.name)
        return None

    name = until(look, 60)
    waiting.remove(name or "")
    machine.batch.delete_namespaced_job(name, namespace, propagation_policy="Background")


def gone(machine: Machine, namespace: str) -> bool:
    try:
        machine.core.read_namespace(namespace)
    except ApiException as error:
        return error.status == 404
    return False


def quiet(machine: Machine) -> host.Counts:
    """When what is removed in the background has been: three times the same."""
    assert machine.process is not None
    seen: list[host.Counts] = []
    for _ in range(60):
        seen.append(host.counts(machine.home, machine.process.pid))
        if len(seen) > 2 and len({(each.processes, each.mounts, each.control_groups, each.inodes) for each in seen[-3:]}) == 1:
            break
        time.sleep(1)
    return seen[-1]
