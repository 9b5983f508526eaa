"""The measurements, one function per row. Each returns numbers by name; `report` takes the medians of the rounds."""

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx

from knative.local.serving.scaler import HOST_PORT
from knative.machine.postgres import PostgreSQL
from tests.bench import events, load, usage
from tests.bench.load import Missing
from tests.bench.meter import Meter, Numbers, drained, host_of, rates
from tests.bench.peers import Peer
from tests.bench.systems import Capsule, System, until

WARM_UP_SECONDS = 2
"""Of load on each system, not measured, before a measurement of requests: Capsule's functions go to zero while the other systems have their turns."""
ZERO_SECONDS = 60
"""For functions to be at zero, whose stable window is `systems.STABLE_WINDOW`."""
FIVE = ("/v1/users/me", "/v1/apps", "/v1/quota", "/v1/billing/customer", "/v1/billing/plans")


def get(system: System, capsule: Capsule, seconds: float, connections: int = load.CONNECTIONS) -> Numbers:
    """GET /v1/users/me: uncached, each request another of 10,000 users. Cold starts are rows of their own."""
    load.wrk("GET", system.url, "/v1/users/me", system.tokens, WARM_UP_SECONDS, connections=connections)
    meter = Meter(system, capsule)
    result = load.wrk("GET", system.url, "/v1/users/me", system.tokens, seconds, connections=connections)
    return {**rates(result), **meter.per_item(result.requests), "memory": usage.resident(system.roots())}


def post(system: System, capsule: Capsule, seconds: float, connections: int = load.CONNECTIONS) -> Numbers:
    """POST /v1/apps: a row, its event, and the event's handler in another context. Ends when the last effect is committed."""
    find_drained = drained(system)

    def run(prefix: str, seconds: float) -> load.Measured:
        return load.wrk("POST", system.url, "/v1/apps", system.tokens, seconds, prefix=f"{prefix}{uuid4().hex[:10]}", connections=connections)

    run("w", WARM_UP_SECONDS)  # cold starts are rows of their own
    before = until(find_drained, 120, f"for all effects of {system.name}'s warm-up")
    meter, started_at = Meter(system, capsule), time.monotonic()
    result = run("b", seconds)
    load_ended_at = time.monotonic()
    created = until(find_drained, 120, f"for all effects of {system.name}'s POST")[0] - before[0]
    lag = time.monotonic() - load_ended_at
    return {**rates(result), **meter.per_item(result.requests), "lag": lag, "settled": created / (time.monotonic() - started_at)}


def event_latency(system: System, capsule: Capsule, seconds: float, rate: float = 200.0) -> Numbers:
    """Milliseconds from the publication of an event to the commit of its effect, at `rate` events per second."""
    count, capsule = int(rate * seconds), host_of(system, capsule)
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
    """Wait until only the gateway has a pod.

    Pods that listen on a port of this machine may never end: those of an earlier checkout always run. They are named, and not waited for again.
    Raises: Missing with the names of the other pods that stay.
    """
    deadline = time.monotonic() + ZERO_SECONDS
    while (left := _pods_above_zero(capsule)) and time.monotonic() < deadline:
        time.sleep(0.2)
    if not left:
        return
    names = ", ".join(pod["metadata"]["name"] for pod in left)
    if not all(HOST_PORT in (pod["metadata"].get("annotations") or {}) for pod in left):
        raise Missing(f"Waited {ZERO_SECONDS} s for every function of {capsule.name} to be at zero. Still there: {names}")
    print(f"{capsule.name}: always runs, besides the gateway: {names}", file=sys.stderr, flush=True)
    capsule.always_awake.update(pod["metadata"]["name"] for pod in left)


def _pods_above_zero(capsule: Capsule) -> list[dict[str, Any]]:
    found = ((pod, pod["metadata"]["name"]) for pod in capsule.running_pods())
    return [pod for pod, name in found if not name.startswith("edge-gateway") and name not in capsule.always_awake]


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
