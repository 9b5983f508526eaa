"""The systems under test: how to start, fill and reach each, and which processes belong to it."""

import base64
import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

import httpx
import jwt
import psutil
import psycopg

from functions.kernel import new_id
from functions.runtime.config.variables import ISSUER
from functions.runtime.security.tokens import AUDIENCE, TYPE, current_signing_key
from knative.machine import keys, processes
from knative.machine.cluster import Cluster
from knative.machine.home import LOOPBACK, PROJECT, Home
from knative.machine.postgres import PostgreSQL
from knative.machine.rabbitmq import RabbitMQ
from tests.bench import load
from tests.bench.checkouts import python_of
from tests.bench.load import Missing

USERS = 10_000
TOKEN_LIFETIME = timedelta(hours=12)
STABLE_WINDOW = "6s"
CONSUMES = "local.capsule.dev/consumes"
MEASURED = ("auth-profile", "deploy-create-application", "monitor-on-application-created")
PASSWORD_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$YmVuY2hiZW5jaGJlbmNo$MGYxMzU3OWJkZjAyNDY4YWNlMDEyMzQ1Njc4OWFiY2Q"
    """The hash of no password: users of the bench do not sign in."""
)
APPLICATION_QUOTA = 1_000_000
LIMITS = {"CAPSULE_GATEWAY_RATE_LIMITS": "requests.address=1000000/second", "CAPSULE_GATEWAY_CACHE": "off"}
"""All load comes from one address. Every limit is counted. Each request reaches its function."""


class System(Protocol):
    """A system under test."""

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str: ...

    @property
    def tokens(self) -> Path: ...

    def prepare(self) -> None:
        """Configure and warm up, before each measurement."""
        ...

    def roots(self) -> list[psutil.Process | None]:
        """The roots of its process trees."""
        ...

    def effects(self) -> tuple[int, int]:
        """Number of applications created, and of those that the other context has handled."""
        ...


def until(find: Any, timeout_seconds: float, reason: str, poll_seconds: float = 0.1) -> Any:
    """Poll until `find` returns a true value. Raises: Missing when the time is over; `reason` completes "Waited … s"."""
    deadline = time.monotonic() + timeout_seconds
    while not (value := find()):
        if time.monotonic() > deadline:
            raise Missing(f"Waited {timeout_seconds:g} s {reason}")
        time.sleep(poll_seconds)
    return value


def answers_ok(url: str, token: str = "") -> bool:
    try:
        return httpx.get(url, headers={"authorization": f"Bearer {token}"} if token else {}, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


@dataclass
class Capsule:
    """A complete Capsule in its own state folder."""

    home: Home
    name: str = "Capsule"
    project: Path = PROJECT
    """Its checkout."""
    consumes: bool = True
    """Warm functions consume their queues themselves; otherwise the dispatcher pushes messages over HTTP, as on a cluster."""
    users: list[UUID] = field(default_factory=list)
    always_awake: set[str] = field(default_factory=set)
    """Names of pods that never end by themselves."""

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.home.ports.gateway}"

    @property
    def tokens(self) -> Path:
        return self.home.path / "bench-tokens"

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.home)

    def up(self) -> None:
        """Start Capsule with commit timestamps in PostgreSQL, which measure an event until its effect is committed."""
        database = PostgreSQL(self.home)
        self.home.create()
        database.start()
        with database.superuser() as connection:
            connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
        database.stop()
        self.task("up")
        autoscaler = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config-autoscaler", "namespace": "knative-serving"}}
        self.cluster.apply([{**autoscaler, "data": {"stable-window": STABLE_WINDOW}}], "bench")  # functions scale to zero soon

    def prepare(self) -> None:
        cluster, changed = self.cluster, []
        for name in MEASURED:
            service = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": name, "namespace": "capsule"}}
            live = cluster.get(service)
            consumes = str(self.consumes).lower()
            if live is not None and live["spec"]["template"]["metadata"]["annotations"].get(CONSUMES) != consumes:
                changed.append({**service, "spec": {"template": {"metadata": {"annotations": {CONSUMES: consumes}}}}})
        cluster.apply(changed, "bench")
        cluster.wait_until_ready(changed, 60, lambda ready, of: None)
        load.wrk("GET", self.url, "/v1/users/me", self.tokens, 1)

    def running_pods(self) -> list[dict[str, Any]]:
        """The platform's pods, without completed ones of Jobs."""
        listed = self.cluster.find("v1", "Pod", "capsule")
        return [pod for pod in listed if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")]

    def remove(self, objects: Sequence[dict[str, Any]]) -> None:
        for each in objects:
            self.cluster.delete(each)

    def task(self, *arguments: str) -> None:
        """Run a task of `./taskw`. Raises: Missing with its output when it fails."""
        result = subprocess.run(
            [python_of(self.project), "-m", "knative.machine", *arguments],
            cwd=self.project,
            env={**self.home.child_environment(), **LIMITS, "PYTHONPATH": str(self.project)},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise Missing(result.stdout + result.stderr)

    def fill(self) -> None:
        """Create users with a quota, and an access token for each."""
        now = datetime.now(UTC)
        self.users = [new_id() for _ in range(USERS)]
        with psycopg.connect(PostgreSQL(self.home).database("auth").functions_url) as auth, auth.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO users (id, email, password_hash, email_verified_at, created_at, updated_at) VALUES (%s, %s, %s, %s, %s, %s)",
                [(user, f"{user.hex}@example.com", PASSWORD_HASH, now, now, now) for user in self.users],
            )
        with psycopg.connect(PostgreSQL(self.home).database("deploy").functions_url) as deploy, deploy.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO quotas (user_id, applications, memory_mib, granted_at) VALUES (%s, %s, 1024, %s)",
                [(user, APPLICATION_QUOTA, now) for user in self.users],
            )
        self._vacuum()
        signing = next(each for each in keys.operator_objects(self.home) if each["metadata"]["name"] == "auth-signing")
        key = jwt.PyJWK(current_signing_key(_json(signing["data"]["jwks.json"])))
        self.tokens.write_text("".join(f"{_token(key, user, now)}\n" for user in self.users))

    def _vacuum(self) -> None:
        for context in ("auth", "deploy"):
            with PostgreSQL(self.home).superuser(context) as connection:
                connection.execute("VACUUM ANALYZE")

    def roots(self) -> list[psutil.Process | None]:
        return [processes.find_running(self.home, "knative")]

    def servers(self) -> dict[str, psutil.Process | None]:
        return {"RabbitMQ": processes.find_running(self.home, RabbitMQ.name), "PostgreSQL": processes.find_running(self.home, PostgreSQL.name)}

    def effects(self) -> tuple[int, int]:
        return self.count("deploy", "applications"), self.count("monitor", "applications")

    def count(self, context: str, table: str) -> int:
        with psycopg.connect(PostgreSQL(self.home).database(context).functions_url) as connection:
            row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(row[0]) if row else 0

    def down(self) -> None:
        self.task("down")


def _json(data: str) -> Any:
    return json.loads(base64.b64decode(data))


def _token(key: jwt.PyJWK, user: UUID, now: datetime) -> str:
    claims = {
        "iss": ISSUER.default, "aud": AUDIENCE, "sub": str(user), "sid": str(uuid4()), "roles": ["user"],
        "iat": now, "exp": now + TOKEN_LIFETIME, "jti": str(uuid4()),
    }  # fmt: skip
    return jwt.encode(claims, key, key.algorithm_name, headers={"kid": key.key_id, "typ": TYPE})
