"""The measurements, one function per row. Each returns numbers by name; `report` takes the medians of the rounds."""

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
from tests.bench.peers import Peer
from tests.bench.systems import Capsule, System, answers_ok, until

Numbers = dict[str, float]
WARM_UP_SECONDS = 2
FIVE = ("/v1/users/me", "/v1/apps", "/v1/quota", "/v1/billing/customer", "/v1/billing/plans")


class Meter:
    """CPU time that a system and its servers use from the construction on."""

    def __init__(self, system: System, capsule: Capsule) -> None:
        self._system, self._capsule = system, _host(system, capsule)
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        servers = {name: usage.cpu_seconds([process]) for name, process in self._capsule.servers().items()}
        return {"own": usage.cpu_seconds(self._system.roots()), **servers}

    def per_item(self, count: int) -> Numbers:
        """Microseconds of CPU per item, for `count` items."""
        now = self._now()
        used = {name: (now[name] - before) / max(count, 1) * 1e6 for name, before in self._before.items()}
        return {"cpu": sum(used.values()), **{f"cpu {name}": value for name, value in used.items()}}


def get(system: System, capsule: Capsule, seconds: float) -> Numbers:
    """GET /v1/users/me: uncached, each request another of 10,000 users."""
    meter = Meter(system, capsule)
    result = load.wrk("GET", system.url, "/v1/users/me", system.tokens, seconds)
    return {**_rates(result), **meter.per_item(result.requests), "memory": usage.resident(system.roots())}


def post(system: System, capsule: Capsule, seconds: float) -> Numbers:
    """POST /v1/apps: a row, its event, and the event's handler in another context. Ends when the last effect is committed."""
    before = system.effects()

    def drained() -> tuple[int, int] | None:
        now = system.effects()
        return now if now[0] - before[0] == now[1] - before[1] else None

    load.wrk("POST", system.url, "/v1/apps", system.tokens, WARM_UP_SECONDS, prefix=f"w{uuid4().hex[:10]}")  # cold starts are rows of their own
    before = until(drained, 120, f"for all effects of {system.name}'s warm-up")
    meter, started_at = Meter(system, capsule), time.monotonic()
    result = load.wrk("POST", system.url, "/v1/apps", system.tokens, seconds, prefix=f"b{uuid4().hex[:10]}")
    load_ended_at = time.monotonic()
    created = until(drained, 120, f"for all effects of {system.name}'s POST")[0] - before[0]
    lag = time.monotonic() - load_ended_at
    return {**_rates(result), **meter.per_item(result.requests), "lag": lag, "settled": created / (time.monotonic() - started_at)}


def _host(system: System, capsule: Capsule) -> Capsule:
    """Return the Capsule whose servers a system uses: its own, or `capsule` for a peer."""
    return system if isinstance(system, Capsule) else capsule


def _rates(result: load.Measured) -> Numbers:
    fields = asdict(result)
    return {"rate": result.rate, **{name: float(fields[name]) for name in ("p50", "p95", "p99", "refused", "broken")}}


def event_latency(system: System, capsule: Capsule, seconds: float, rate: float = 200.0) -> Numbers:
    """Milliseconds from the publication of an event to the commit of its effect, at `rate` events per second."""
    count, capsule = int(rate * seconds), _host(system, capsule)
    if isinstance(system, Peer):
        publications, since = events.peer_events(system, count), time.time()
        sent = events.publish(capsule, publications, rate)
        latencies = events.latencies(sent, lambda: events.committed_by_peer(system, list(sent), since), 60)
    else:
        events.latencies(events.publish(capsule, warm := events.capsule_events(20), None), lambda: events.committed(capsule, list(warm)), 60)
        sent = events.publish(capsule, events.capsule_events(count), rate)
        latencies = events.latencies(sent, lambda: events.committed(capsule, list(sent)), 60)
    return {"mean": sum(latencies) / len(latencies), "p50": _at(latencies, 0.5), "p95": _at(latencies, 0.95), "p99": _at(latencies, 0.99)}


def event_cost(capsule: Capsule, count: int) -> Numbers:
    """CPU per event and rate, for `count` events published at once to one handler."""
    publications = events.capsule_events(count)
    meter, started_at = Meter(capsule, capsule), time.time()
    sent = events.publish(capsule, publications, None)
    until(lambda: len(events.committed(capsule, list(sent))) == count, 600, f"for {count} events")
    last = max(events.committed(capsule, list(sent)).values())
    return {"rate": count / (last - started_at), **meter.per_item(count)}


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


# -- cold starts -------------------------------------------------------------------------------------------------------


def wait_for_zero(capsule: Capsule) -> None:
    """Wait until only the gateway has a pod."""

    def is_at_zero() -> bool:
        return all(name.startswith("edge-gateway") for name in capsule.pods())

    until(is_at_zero, 240, "for every function to be at zero", poll_seconds=0.2)


def _client(capsule: Capsule) -> httpx.Client:
    token = capsule.tokens.read_text().partition("\n")[0]
    return httpx.Client(base_url=capsule.url, headers={"authorization": f"Bearer {token}"}, timeout=30)


def cold(capsule: Capsule) -> Numbers:
    """Cold start of one function, as its caller sees it."""
    wait_for_zero(capsule)
    with _client(capsule) as client:
        client.get("/readyz")
        return {"ms": _timed(lambda: client.get("/v1/users/me"))}


def cold_five(capsule: Capsule) -> Numbers:
    """Cold start of five functions of three contexts at once: the slowest."""
    wait_for_zero(capsule)
    with ThreadPoolExecutor(5) as pool, _client(capsule) as client:
        list(pool.map(lambda _: client.get("/readyz"), range(5)))
        return {"ms": max(pool.map(lambda path: _timed(lambda: client.get(path)), FIVE))}


TRIGGER_SQL = """
CREATE OR REPLACE FUNCTION bench_usage() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO unowned_usage (id, application_id, environment, window_from, window_to, requests)
    VALUES (gen_random_uuid(), new.id, 'staging', now() - interval '1 minute', now(), 1);
    RETURN new;
END $$;
CREATE OR REPLACE TRIGGER bench_usage AFTER INSERT ON applications FOR EACH ROW EXECUTE FUNCTION bench_usage();
"""
DROP_SQL = "DROP TRIGGER bench_usage ON applications; DROP FUNCTION bench_usage()"
LAST_COMMIT_SQL = "SELECT extract(epoch FROM max(pg_xact_commit_timestamp(xmin))) FROM inbox WHERE function = 'billing.on_usage_measured'"


def cold_chain(capsule: Capsule) -> Numbers:
    """Cold start of a chain of three functions in three contexts, to the last commit.

    deploy.create_application → monitor.on_application_created → billing.on_usage_measured. A database trigger inserts usage of an
    application that is not known yet, which makes the second function publish an event.
    """
    wait_for_zero(capsule)
    postgres = PostgreSQL(capsule.home)
    with postgres.superuser("monitor") as monitor, postgres.superuser("billing") as billing, _client(capsule) as client:
        monitor.execute(TRIGGER_SQL)
        try:
            client.get("/readyz")
            started_at = time.time()
            name = f"b{uuid4().hex[:12]}"
            client.post("/v1/apps", json={"name": name, "repository": f"https://example.com/{name}.git"}).raise_for_status()

            def last_commit() -> float | None:
                row = billing.execute(LAST_COMMIT_SQL).fetchone()
                return float(row[0]) if row and row[0] is not None and float(row[0]) >= started_at else None

            return {"ms": (until(last_commit, 30, "for the third function", poll_seconds=0.01) - started_at) * 1000}
        finally:
            monitor.execute(DROP_SQL)


def _timed(send: Callable[[], httpx.Response]) -> float:
    """Milliseconds until the answer."""
    started_at = time.perf_counter()
    response = send()
    ms = (time.perf_counter() - started_at) * 1000
    if response.status_code not in (200, 404):  # users of the bench have no customer in billing
        raise Missing(f"{response.url} answered {response.status_code}: {response.text[:200]}")
    return ms


# -- idle --------------------------------------------------------------------------------------------------------------


def idle(capsule: Capsule, seconds: float) -> Numbers:
    """Mean memory in MB and share of one core in percent without load, with a request to `/readyz` every ten seconds."""
    wait_for_zero(capsule)
    before, started_at, samples = usage.cpu_seconds(capsule.roots()), time.monotonic(), []
    while time.monotonic() - started_at < seconds:
        answers_ok(f"{capsule.url}/readyz")
        samples.append(usage.resident(capsule.roots()))
        time.sleep(min(10.0, seconds / 2))
    used = usage.cpu_seconds(capsule.roots()) - before
    return {"memory": sum(samples) / len(samples), "core": used / (time.monotonic() - started_at) * 100}


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
