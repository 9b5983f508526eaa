"""The peers: small applications with the same endpoint, event and database as Capsule."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import jwt
import psutil
import psycopg
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from knative.machine.home import LOOPBACK, PROJECT
from knative.machine.postgres import PostgreSQL
from knative.machine.rabbitmq import RabbitMQ
from tests.bench import load
from tests.bench.load import Missing
from tests.bench.systems import TOKEN_LIFETIME, USERS, Capsule, answers_ok, until

PEERS = PROJECT.parent / "shared" / "peers"
PEER_DATABASE = "peer"
REFERENCE = "NestJS"
WITH_PROMISES = "NestJS, outbox and inbox"
"""The same application with what Capsule promises too: the event commits with the state and is published with a confirm; a message has one effect."""


@dataclass
class Peer:
    """A peer on Capsule's RabbitMQ and PostgreSQL. All peers share the database, keys and tokens of the NestJS peer.

    `exchange`: of its events. `settings`: its environment variables."""

    name: str
    folder: Path
    port: int
    capsule: Capsule
    exchange: str
    event: str
    settings: Mapping[str, str] = field(default_factory=dict)
    child: subprocess.Popen[str] | None = None

    @property
    def work(self) -> Path:
        return Path(os.environ.get("CAPSULE_BENCH_PEERS", "/tmp")) / f"peer-{self.folder.name}"

    @property
    def keys(self) -> Path:
        return self.work.with_name("peer-nest")

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def tokens(self) -> Path:
        return self.keys / "bench-tokens"

    @property
    def database(self) -> str:
        return PostgreSQL(self.capsule.home).url("postgres", PEER_DATABASE)

    def start(self) -> None:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CAPSULE_")},
            "AMQP_URL": RabbitMQ(self.capsule.home).url, "DATABASE_URL": self.database, "PORT": str(self.port),
            "PEER_DIR": str(self.work), "PUBLIC_KEY": str(self.keys / "public.pem"), **self.settings,
        }  # fmt: skip
        path = self.capsule.home.log / f"peer-{self.port}.log"
        path.unlink(missing_ok=True)
        with path.open("w") as log:
            self.child = subprocess.Popen([self.folder / "run"], env=environment, stdout=log, stderr=log, text=True, start_new_session=True)
        until(self._ready, 180, f"for the peer {self.name}; see {log.name}")

    def _ready(self) -> bool:
        if self.child is not None and self.child.poll() is not None:
            raise Missing(f"The peer {self.name} exited with {self.child.returncode}")
        token = self.keys / "token"
        return token.exists() and answers_ok(f"{self.url}/v1/users/me", token.read_text().strip())

    def prepare(self) -> None:
        load.wrk("GET", self.url, "/v1/users/me", self.tokens, 1)

    def stop(self) -> None:
        if self.child is not None and self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGTERM)
            self.child.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(self.child.pid, signal.SIGKILL)  # uvicorn waits for connections that are open

    def fill(self) -> None:
        """Create the remaining users, and an access token for each."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO users (email, name) SELECT 'u' || n || '@example.com', 'User ' || n FROM generate_series(1, %s) n"
                " ON CONFLICT DO NOTHING",
                [USERS],
            )
            connection.execute("VACUUM ANALYZE")
            users = [row[0] for row in connection.execute("SELECT id::text FROM users ORDER BY random()")]
        key = load_pem_private_key((self.keys / "private.pem").read_bytes(), password=None)
        assert isinstance(key, RSAPrivateKey)
        expires = datetime.now(UTC) + TOKEN_LIFETIME
        self.tokens.write_text("".join(f"{jwt.encode({'sub': user, 'exp': expires}, key, 'RS256')}\n" for user in users))

    def roots(self) -> list[psutil.Process | None]:
        return [psutil.Process(self.child.pid) if self.child is not None and self.child.poll() is None else None]

    def effects(self) -> tuple[int, int]:
        with psycopg.connect(self.database) as connection:
            row = connection.execute("SELECT (SELECT count(*) FROM apps), (SELECT coalesce(sum(apps), 0) FROM users)").fetchone()
        assert row is not None
        return int(row[0]), int(row[1])


def peers(capsule: Capsule) -> list[Peer]:
    """Start and fill the peers that exist and can run here."""
    if not PEERS.is_dir() or shutil.which("node") is None:
        return []
    with PostgreSQL(capsule.home).superuser() as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [PEER_DATABASE]).fetchone() is None:
            connection.execute(f"CREATE DATABASE {PEER_DATABASE}")
    base = 3100 + capsule.home.ports.offset
    candidates = [
        Peer(REFERENCE, PEERS / "nest", base, capsule, "peer.events", "app.created"),
        Peer(WITH_PROMISES, PEERS / "nest", base + 2, capsule, "promises.events", "app.created", {"OUTBOX": "1", "PEER_NAME": "promises"}),
        Peer("FastStream", PEERS / "faststream", base + 1, capsule, "peer.events", "fs.app.created"),
    ]
    started: list[Peer] = []
    for peer in (each for each in candidates if (each.folder / "run").exists()):
        try:
            peer.start()
        except Missing as missing:
            print(f"Skipping the peer {peer.name}: {missing}", file=sys.stderr)
            peer.stop()
            continue
        if not started:
            peer.fill()
        started.append(peer)
    return started
