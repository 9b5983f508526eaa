"""What is measured, one function a row. Each answers numbers by name; `report` takes the medians over the rounds."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any
from uuid import uuid4

import httpx

from knative.machine.postgres import PostgreSQL
from tests.bench import events, load, usage
from tests.bench.load import Missing
from tests.bench.systems import Capsule, Peer, System, answers, until

Numbers = dict[str, float]
FIVE = ("/v1/users/me", "/v1/apps", "/v1/quota", "/v1/billing/customer", "/v1/billing/plans")


class Meter:
    """CPU that a system and the servers that it uses spend between two moments."""

    def __init__(self, system: System, capsule: Capsule) -> None:
        self._system, self._capsule = system, capsule
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        servers = {name: usage.cpu_seconds([process]) for name, process in self._capsule.servers().items()}
        return {"own": usage.cpu_seconds(self._system.roots()), **servers}

    def each(self, count: int) -> Numbers:
        """Microseconds of CPU for each of so many."""
        now = self._now()
        spent = {name: (now[name] - before) / max(count, 1) * 1e6 for name, before in self._before.items()}
        return {"cpu": sum(spent.values()), **{f"cpu {name}": value for name, value in spent.items()}}


def get(system: System, capsule: Capsule, seconds: float) -> Numbers:
    """GET /v1/users/me: nothing cached, another of 10,000 users each time, a row read each time."""
    meter = Meter(system, capsule)
    found = load.wrk("GET", system.url, "/v1/users/me", system.tokens, seconds)
    return {**_rates(found), **meter.each(found.requests), "memory": usage.resident(system.roots())}


def post(system: System, capsule: Capsule, seconds: float) -> Numbers:
    """POST /v1/apps: a row, its event, and the event's handler in another context. Over when the last effect is there."""
    before, meter = system.effects(), Meter(system, capsule)
    began = time.monotonic()
    found = load.wrk("POST", system.url, "/v1/apps", system.tokens, seconds, prefix=f"b{uuid4().hex[:10]}")
    ended = time.monotonic()

    def drained() -> tuple[int, int] | None:
        now = system.effects()
        return now if now[0] - before[0] == now[1] - before[1] else None

    made = until(drained, 120, f"for all effects of {system.name}'s POST")[0] - before[0]
    lag = time.monotonic() - ended
    return {**_rates(found), **meter.each(found.requests), "lag": lag, "settled": made / (time.monotonic() - began)}


def _rates(found: load.Measured) -> Numbers:
    fields = asdict(found)
    return {"rate": found.rate, **{name: float(fields[name]) for name in ("p50", "p95", "p99", "refused", "broken")}}


def event_latency(system: System, capsule: Capsule, seconds: float, rate: float = 200.0) -> Numbers:
    """Events at 200 a second: from their publication to the commit of their effect."""
    count = int(rate * seconds)
    if isinstance(system, Peer):
        publications, since = events.of_peer(system, count), time.time()
        sent = events.publish(capsule, publications, rate)
        found = events.latencies(sent, lambda: events.committed_by_peer(system, list(sent), since), 60)
    else:
        events.latencies(events.publish(capsule, warm := events.of_capsule(20), None), lambda: events.committed(capsule, list(warm)), 60)
        sent = events.publish(capsule, events.of_capsule(count), rate)
        found = events.latencies(sent, lambda: events.committed(capsule, list(sent)), 60)
    return {"mean": sum(found) / len(found), "p50": _at(found, 0.5), "p95": _at(found, 0.95), "p99": _at(found, 0.99)}


def event_cost(capsule: Capsule, count: int) -> Numbers:
    """So many events at once through one handler: does the cost of one stay the same?"""
    publications = events.of_capsule(count)
    meter, began = Meter(capsule, capsule), time.time()
    sent = events.publish(capsule, publications, None)
    until(lambda: len(events.committed(capsule, list(sent))) == count, 600, f"for {count} events")
    last = max(events.committed(capsule, list(sent)).values())
    return {"rate": count / (last - began), **meter.each(count)}


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


# -- from zero ---------------------------------------------------------------------------------------------------------


def asleep(capsule: Capsule) -> None:
    """Waits until only the gateway has a pod."""

    def alone() -> bool:
        return all(name.startswith("edge-gateway") for name in capsule.pods())

    until(alone, 240, "for every function to be at zero", every=0.2)


def _client(capsule: Capsule) -> httpx.Client:
    token = capsule.tokens.read_text().partition("\n")[0]
    return httpx.Client(base_url=capsule.url, headers={"authorization": f"Bearer {token}"}, timeout=30)


def cold(capsule: Capsule) -> Numbers:
    """One function from zero to its first answer, as its caller sees it."""
    asleep(capsule)
    with _client(capsule) as client:
        client.get("/readyz")
        return {"ms": _timed(lambda: client.get("/v1/users/me"))}


def cold_five(capsule: Capsule) -> Numbers:
    """Five functions of three contexts at once: the slowest."""
    asleep(capsule)
    with ThreadPoolExecutor(5) as pool, _client(capsule) as client:
        list(pool.map(lambda _: client.get("/readyz"), range(5)))
        return {"ms": max(pool.map(lambda path: _timed(lambda: client.get(path)), FIVE))}


HELD = """
CREATE OR REPLACE FUNCTION bench_held() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO unowned_usage (id, application_id, environment, window_from, window_to, requests)
    VALUES (gen_random_uuid(), new.id, 'staging', now() - interval '1 minute', now(), 1);
    RETURN new;
END $$;
CREATE OR REPLACE TRIGGER bench_held AFTER INSERT ON applications FOR EACH ROW EXECUTE FUNCTION bench_held();
"""
FREE = "DROP TRIGGER bench_held ON applications; DROP FUNCTION bench_held()"
COUNTED = "SELECT extract(epoch FROM max(pg_xact_commit_timestamp(xmin))) FROM inbox WHERE function = 'billing.on_usage_measured'"


def cold_chain(capsule: Capsule) -> Numbers:
    """Three functions of three contexts, each woken by the one before: deploy.create_application → monitor.on_application_created →
    billing.on_usage_measured, to the last commit. (Usage that was measured before its application was known is what makes the second speak.)"""
    asleep(capsule)
    postgres = PostgreSQL(capsule.home)
    with postgres.superuser("monitor") as monitor, postgres.superuser("billing") as billing, _client(capsule) as client:
        monitor.execute(HELD)
        try:
            client.get("/readyz")
            began = time.time()
            name = f"b{uuid4().hex[:12]}"
            client.post("/v1/apps", json={"name": name, "repository": f"https://example.com/{name}.git"}).raise_for_status()

            def last() -> float | None:
                row = billing.execute(COUNTED).fetchone()
                return float(row[0]) if row and row[0] is not None and float(row[0]) >= began else None

            return {"ms": (until(last, 30, "for the third function", every=0.01) - began) * 1000}
        finally:
            monitor.execute(FREE)


def _timed(ask: Callable[[], httpx.Response]) -> float:
    began = time.perf_counter()
    answer = ask()
    ms = (time.perf_counter() - began) * 1000
    if answer.status_code not in (200, 404):  # a user whom billing has never heard of has no customer
        raise Missing(f"{answer.url} answered {answer.status_code}: {answer.text[:200]}")
    return ms


# -- at rest -----------------------------------------------------------------------------------------------------------


def idle(capsule: Capsule, seconds: float) -> Numbers:
    """Nobody calls; `/readyz` is asked every ten seconds. Mean memory, and the share of one core."""
    asleep(capsule)
    before, began, seen = usage.cpu_seconds(capsule.roots()), time.monotonic(), []
    while time.monotonic() - began < seconds:
        answers(f"{capsule.url}/readyz")
        seen.append(usage.resident(capsule.roots()))
        time.sleep(min(10.0, seconds / 2))
    spent = usage.cpu_seconds(capsule.roots()) - before
    return {"memory": sum(seen) / len(seen), "core": spent / (time.monotonic() - began) * 100}


def declared(capsule: Capsule, count: int) -> Numbers:
    """Functions applied at once, until every Service and Trigger of them is ready."""
    objects = [each for number in range(count) for each in _function(number)]
    began = time.perf_counter()
    try:
        capsule.cluster.apply(objects, "bench")
        capsule.cluster.wait_until_ready(objects, 300, lambda ready, of: None)
        return {"seconds": time.perf_counter() - began}
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
