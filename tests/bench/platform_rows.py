"""The platform's own part of many applications (`many`): how long lists take, and what its schedules use at rest.

The applications are created over the API, which publishes their events; `application_history` adds what they leave behind in a month.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import psycopg

from knative.machine import processes
from knative.machine.cluster import Cluster
from knative.machine.home import CONTEXTS, LOOPBACK
from knative.machine.knative_process import KNATIVE
from knative.machine.postgres import PostgreSQL
from knative.machine.rabbitmq import RabbitMQ
from tests.bench import usage
from tests.bench.application_history import History
from tests.bench.installations import Installation, Json
from tests.bench.load import Missing
from tests.bench.meter import Numbers
from tests.bench.systems import until

CLIENTS, TIMES = 4, 40
HANDLED_SECONDS, SCHEDULE_SECONDS, SETTLE_SECONDS = 600, 300, 15
INTERVAL_SECONDS = 600
"""Of the schedules of contexts, the most frequent that the platform has."""
SCHEDULES = tuple(f"{context}-housekeeping" for context in CONTEXTS)
LISTS = (
    *("/v1/apps?limit=100", "/v1/apps/{id}/deployments?limit=100", "/v1/apps/{id}/releases", "/v1/apps/{id}/environments", "/v1/apps/{id}/runs"),
    *("/v1/apps/{id}/domains", "/v1/quota", "/v1/billing/current", "/v1/billing/current?limit=0", "/v1/billing/invoices", "/v1/audit"),
    *("/v1/alerts", "/v1/alerts?state=firing", "/v1/apps/{id}/alerts", "/v1/apps/{id}/alert-rules", "/v1/apps/{id}/alert-deliveries"),
    "/v1/apps/{id}/metrics",
)
HANDLED = "SELECT count(*) FROM applications WHERE id = ANY(%s)"
EXECUTED = "SELECT count(*) FROM inbox WHERE function = %s"
"""Executions of schedules are not collected (`capsule.dev/collect`)."""


class Platform:
    """The applications of one user, and the functions that work for them."""

    def __init__(self, installation: Installation) -> None:
        self._installation, self._home, self._cluster = installation, installation.home, Cluster(installation.home)
        self._postgres = PostgreSQL(self._home)
        self._applications: list[UUID] = []

    def grow(self, count: int) -> None:
        """Create applications until there are `count`, with a month's history."""
        first = len(self._applications)
        with ThreadPoolExecutor(CLIENTS) as pool:
            created = list(pool.map(self._create, range(first, count)))
        self._applications += created
        with psycopg.connect(self._postgres.database("monitor").functions_url, autocommit=True) as connection:

            def has_handled_all() -> bool:
                row = connection.execute(HANDLED, (created,)).fetchone()
                return row is not None and row[0] == len(created)

            until(has_handled_all, HANDLED_SECONDS, "for monitor to know the applications")
        History(self._postgres, UUID(self._get("/v1/users/me")["id"])).add(created, first)

    def _create(self, number: int) -> UUID:
        body = {"name": f"listed-{number}", "repository": "https://example.com/many.git"}
        with self._client() as client:
            return UUID(client.post("/v1/apps", json=body).raise_for_status().json()["id"])

    def lists(self) -> Iterator[tuple[str, Numbers]]:
        """Milliseconds of each list, uncached, while its function is awake."""
        middle = str(self._applications[len(self._applications) // 2])
        with self._client() as client:
            for path in LISTS:
                yield f"GET {path.replace('{id}', '…')}", _timed(client, path.replace("{id}", middle))
        with closing(self._dashboard()) as client:
            yield "first page of the dashboard", _timed(client, "/")

    def schedules(self) -> Numbers:
        """Percent of a core of all processes for the four schedules and what follows from them.

        Each runs once, in the next minute.
        """
        rest = self._cpu_share(SETTLE_SECONDS)
        due = (datetime.now(UTC) + timedelta(seconds=70)).replace(second=0, microsecond=0)
        former = {name: self._schedule(name, f"{due.minute} {due.hour} * * *") for name in SCHEDULES}
        time.sleep(max((due - datetime.now(UTC)).total_seconds() - 1, 0))
        executed, before, started_at = self._executed(), self._cpu(), time.monotonic()
        until(lambda: self._executed() >= executed + len(SCHEDULES), SCHEDULE_SECONDS, "for the schedules to end")
        time.sleep(SETTLE_SECONDS)
        used = self._cpu() - before - rest * (time.monotonic() - started_at)
        for name, schedule in former.items():
            self._schedule(name, schedule)
        return {"share": max(used, 0) / INTERVAL_SECONDS * 100, "CPU, s": used}

    def _schedule(self, name: str, schedule: str) -> str:
        """Returns the former one."""
        metadata = {"name": name, "namespace": "capsule"}
        source: Json = {"apiVersion": "sources.knative.dev/v1", "kind": "PingSource", "metadata": metadata}
        spec = (self._cluster.get(source) or {})["spec"]
        self._cluster.apply([{**source, "spec": {**spec, "schedule": schedule}}], "bench")
        return str(spec["schedule"])

    def _executed(self) -> int:
        """How many executions of the schedules are recorded."""
        found = 0
        for context in CONTEXTS:
            with psycopg.connect(self._postgres.database(context).functions_url) as connection:
                row = connection.execute(EXECUTED, (f"{context}.housekeeping",)).fetchone()
                found += row[0] if row else 0
        return found

    def _cpu_share(self, seconds: float) -> float:
        before, started_at = self._cpu(), time.monotonic()
        time.sleep(seconds)
        return (self._cpu() - before) / (time.monotonic() - started_at)

    def _cpu(self) -> float:
        return usage.cpu_seconds([processes.find_running(self._home, name) for name in (KNATIVE, RabbitMQ.name, PostgreSQL.name)])

    def _get(self, path: str) -> Json:
        with self._client() as client:
            document: Json = client.get(path).raise_for_status().json()
        return document

    def _client(self) -> httpx.Client:
        headers = {"authorization": f"Bearer {self._installation.login.token()}", "cache-control": "no-cache"}
        return httpx.Client(base_url=self._home.gateway_url, headers=headers, timeout=60, trust_env=False)

    def _dashboard(self) -> httpx.Client:
        host = f"dashboard.localhost:{self._home.ports.ingress}"
        headers = {"host": host, "origin": f"http://{host}"}
        client = httpx.Client(base_url=f"http://{LOOPBACK}:{self._home.ports.ingress}", headers=headers, timeout=60, trust_env=False)
        account = self._installation.account
        response = client.post("/sign-in", data={"email": account.email, "password": account.password})
        if response.is_error or not client.cookies:
            raise Missing(f"The dashboard answered {response.status_code} to a login")
        return client


def _timed(client: httpx.Client, path: str) -> Numbers:
    """Milliseconds until the answer."""
    client.get(path)  # wakes its functions
    took = []
    for _ in range(TIMES):
        started_at = time.perf_counter()
        response = client.get(path)
        took.append((time.perf_counter() - started_at) * 1000)
        if response.status_code != httpx.codes.OK:
            raise Missing(f"GET {path} answered {response.status_code}: {response.text[:200]}")
    took.sort()
    return {"p95": took[int(TIMES * 0.95)], "p50": took[TIMES // 2]}
