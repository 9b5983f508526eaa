"""An installation without load: memory and CPU with all functions at zero, and how long functions take to become ready."""

import time
from collections.abc import Sequence
from typing import Any

from tests.bench import usage
from tests.bench.meter import Numbers
from tests.bench.rows import wait_for_zero
from tests.bench.systems import Capsule, answers_ok

POLL_SECONDS = 10.0


def idle(capsules: Sequence[Capsule], seconds: float) -> dict[str, Numbers]:
    """Of each Capsule: mean memory in MB and share of one core in percent while all are idle, with a request to `/readyz` every ten seconds.

    They are measured at the same time: none disturbs another by more than its own idling. `with servers` counts RabbitMQ and PostgreSQL, too.
    """
    for capsule in capsules:
        wait_for_zero(capsule)
    before, started_at = {each.name: _cpu(each) for each in capsules}, time.monotonic()
    samples: dict[str, list[tuple[float, float]]] = {each.name: [] for each in capsules}
    while time.monotonic() - started_at < seconds:
        for capsule in capsules:
            answers_ok(f"{capsule.url}/readyz")
            own = usage.resident(capsule.roots())
            samples[capsule.name].append((own, own + usage.resident(capsule.servers().values())))
        time.sleep(min(POLL_SECONDS, seconds / 2))
    elapsed, found = time.monotonic() - started_at, {}
    for capsule in capsules:
        own, servers = (now - then for now, then in zip(_cpu(capsule), before[capsule.name], strict=True))
        memory, with_servers = (sum(each) / len(each) for each in zip(*samples[capsule.name], strict=True))
        found[capsule.name] = {
            "memory": memory, "memory with servers": with_servers, "core": own / elapsed * 100, "core with servers": (own + servers) / elapsed * 100,
        }  # fmt: skip
    return found


def _cpu(capsule: Capsule) -> tuple[float, float]:
    """CPU seconds of the Capsule and of its servers."""
    return usage.cpu_seconds(capsule.roots()), usage.cpu_seconds(capsule.servers().values())


def declared(capsule: Capsule, count: int) -> Numbers:
    """Seconds from applying `count` functions at once until all their Services and Triggers are ready."""
    objects = [each for number in range(count) for each in _function(number)]
    started_at = time.perf_counter()
    try:
        capsule.cluster.apply(objects, "bench")
        capsule.cluster.wait_until_ready(objects, 300, lambda ready, of: None)
        return {"seconds": time.perf_counter() - started_at}
    finally:
        capsule.remove(objects)


def _function(number: int) -> list[dict[str, Any]]:
    name = f"bench-{number}"
    environment = [
        {"name": "CAPSULE_FUNCTION", "value": "auth.health"},
        {"name": "CAPSULE_AMQP_URL", "valueFrom": {"secretKeyRef": {"name": "auth-amqp", "key": "url"}}},
        {"name": "CAPSULE_AUTH_DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "auth-database", "key": "url"}}},
    ]
    container = {"name": "function", "image": "capsule.local/capsule:dev", "env": environment, "readinessProbe": {"httpGet": {"path": "/healthz"}}}
    metadata = {"name": name, "namespace": "capsule"}
    subscriber = {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", **metadata}}
    template = {"spec": {"containers": [container]}}
    trigger = {"broker": "capsule", "filter": {"attributes": {"type": f"bench.{number}"}}, "subscriber": subscriber}
    return [
        {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": metadata, "spec": {"template": template}},
        {"apiVersion": "eventing.knative.dev/v1", "kind": "Trigger", "metadata": metadata, "spec": trigger},
    ]
