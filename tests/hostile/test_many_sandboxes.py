"""1,000 sandboxes that were created and removed leave nothing behind: processes, mounts, loop devices, control groups,
folders, descriptors, memory.
"""

import time
from dataclasses import replace

from kubernetes.client.exceptions import ApiException

from tests.hostile import host
from tests.knative.jobs.objects import job
from tests.knative.machine import Machine, until
from tests.knative.serving.conftest import machine
from tests.proof import proof

__all__ = ["machine"]
pytestmark = proof("tenant-isolation")
COUNT, CONCURRENCY, WARM_UP = 1000, 20, 40
INODES = 40
"""Tolerance for the machine's own files: its database's journal, logs and their rotation, an entry of a namespace."""
MEMORY_MIB = 32
"""Tolerance for the allocator's arenas and caches. A leak of 32 KiB for each sandbox would exceed it."""
OPEN_FILES = 8


def test_a_thousand_sandboxes_leave_nothing_behind(machine: Machine) -> None:
    assert machine.process is not None
    run(machine, WARM_UP)
    before = wait_until_stable(machine)
    run(machine, COUNT)
    after = wait_until_stable(machine)
    print(f"\nbefore {host.to_json(before)}\nafter  {host.printed(after)}")
    exact = {"inodes": 0, "memory_mib": 0, "open_files": 0}
    assert replace(after, **exact) == replace(before, **exact)
    assert after.inodes <= before.inodes + INODES
    assert after.open_files <= before.open_files + OPEN_FILES
    assert after.memory_mib <= before.memory_mib + MEMORY_MIB


def run(machine: Machine, count: int) -> None:
    """Run Jobs of tenants, each a sandbox that runs `true`.

    Some run at once; each is deleted when it has ended, and its namespace after 100.
    """
    for start in range(0, count, 100):
        namespace = machine.namespace()
        names = [f"one-{number}" for number in range(start, min(start + 100, count))]
        waiting: list[str] = []
        for name in names:
            body = job(name, "", command=["true"], spec={"backoffLimit": 0}, resources={"limits": {"memory": "64Mi"}})
            machine.batch.create_namespaced_job(namespace, body)
            waiting.append(name)
            if len(waiting) >= CONCURRENCY:
                remove_one(machine, namespace, waiting)
        while waiting:
            remove_one(machine, namespace, waiting)
        machine.core.delete_namespace(namespace)
        until(lambda namespace=namespace: is_deleted(machine, namespace), 120)


def remove_one(machine: Machine, namespace: str, waiting: list[str]) -> None:
    """Wait until one of the Jobs has completed, and delete it. A failed Job fails the test."""

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


def is_deleted(machine: Machine, namespace: str) -> bool:
    try:
        machine.core.read_namespace(namespace)
    except ApiException as error:
        return error.status == 404
    return False


def wait_until_stable(machine: Machine) -> host.Counts:
    """Wait until background deletion has ended, which is when three counts in a row are equal.

    Returns the last count.
    """
    assert machine.process is not None
    counts: list[host.Counts] = []
    for _ in range(60):
        counts.append(host.counts(machine.home, machine.process.pid))
        if len(counts) > 2 and len({(each.processes, each.mounts, each.control_groups, each.inodes) for each in counts[-3:]}) == 1:
            break
        time.sleep(1)
    return counts[-1]
