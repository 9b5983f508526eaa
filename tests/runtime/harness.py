"""A small world for the runtime's tests: the probe context's database, RabbitMQ with our exchanges, worker processes, and a pump that
carries messages from a queue to a worker as the broker's dispatcher does."""

import atexit
import functools
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pika
import psycopg
from pika.adapters.blocking_connection import BlockingChannel

from functions.runtime.config.settings import Settings
from functions.runtime.messaging.exchanges import COMMANDS, EVENTS, REPLIES
from functions.runtime.security import encryption, tokens
from functions.runtime.serving import topology
from tests.runtime.forks import Forked, Forks
from tests.runtime.messages import deposit, request
from tests.runtime.pump import Pump, event_headers
from tests.waiting import pause, wait_limit

ROOT = Path(__file__).parents[2]
EXTRA = Path(__file__).parent / "extra"
TABLES = """
CREATE TABLE deposits (id uuid PRIMARY KEY, account text NOT NULL, cents bigint NOT NULL);
CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text NOT NULL, text text NOT NULL);
CREATE TABLE names (account text PRIMARY KEY, name text NOT NULL UNIQUE, renames int NOT NULL DEFAULT 1);
CREATE TABLE recalled (account text PRIMARY KEY, name text NOT NULL, times int NOT NULL DEFAULT 1);
GRANT SELECT, INSERT, UPDATE, DELETE ON deposits, notes, names, recalled TO auth_functions;
"""
FUNCTIONS = ",".join(
    f"probe.{name}"
    for name in [
        *("deposit", "enter", "total", "on_deposited", "on_deposited_ring", "on_noted", "on_renamed", "on_check_later", "on_counted", "on_moved"),
        *("housekeeping", "dead_letters", "settle_dead_letters"),
    ]
)
EVENT_TYPES = ("probe.deposited", "probe.noted", "probe.renamed", "probe.moved")

HTTP = httpx.Client(trust_env=False)
HTTP_PATIENCE = 30

logging.getLogger("pika").setLevel(logging.CRITICAL)


def until(what: Callable[[], Any], seconds: float = 15, why: str = "") -> Any:
    """Waits until it is true; a wait that is too long fails the test and says what for."""
    start = time.monotonic()
    while True:
        if found := what():
            return found
        waited = time.monotonic() - start
        if waited > wait_limit(seconds):
            raise AssertionError(f"waited {seconds:g} s in vain {why}")
        time.sleep(pause(waited))


@functools.cache
def _forks() -> Forks:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CAPSULE_")}
    forks = Forks({**kept, "PYTHONPATH": f"{EXTRA}{os.pathsep}{ROOT}"}, ROOT)
    atexit.register(forks.close)
    return forks


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Worker:
    process: subprocess.Popen[bytes] | Forked
    port: int
    log: Path

    def post(self, headers: Mapping[str, str], body: bytes, path: str = "/", timeout: float = 20) -> int:
        """The status of the answer; -1 if there was none."""
        try:
            answer = HTTP.post(f"http://127.0.0.1:{self.port}{path}", headers=event_headers(headers), content=body, timeout=timeout)
        except httpx.HTTPError:
            return -1
        return answer.status_code

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(wait_limit(30))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(5)

    def lines(self) -> list[dict[str, Any]]:
        """Its log so far, of executions one after the other. Of a line that is being written there may be a part only."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines(keepends=True) if line.startswith("{") and line.endswith("\n")]
        return [each for line in lines for each in (executions(line) if line.get("log") == "functions" else (line,))]


def executions(line: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The executions of a line that they share, as each has them in a line of its own."""
    empty = {"causation": None, "actor": None, "trace": None, "detail": "", "ms": 0.0, "emitted": [], "cold": False}
    shared = {name: line[name] for name in ("function", "context", "kind")}
    return [{"log": "function", **shared, **empty, **each} for each in line["executions"]]


@dataclass
class World:
    database: str
    owner: str
    amqp: str
    folder: Path
    workers: list[Worker] = field(default_factory=list)
    pumps: list[Pump] = field(default_factory=list)
    reader: str = ""
    """A URL of the database for queries."""
    _connection: psycopg.Connection | None = None
    _receiver: BlockingChannel | None = None
    _receiving: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self) -> None:
        with psycopg.connect(self.owner, autocommit=True) as connection:
            connection.execute(TABLES)
        private = encryption.new_private_keys()
        self._mount("etc/capsule/sealing/keys.json", private)
        self._mount("etc/capsule/sealing-public/probe.json", encryption.public_key(private))
        self.signing = tokens.new_signing_jwks()
        self._mount("etc/capsule/jwks/jwks.json", tokens.public_jwks(self.signing))
        self.declare()

    def _mount(self, path: str, content: Any) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))

    def declare(self) -> None:
        """The exchanges, and for each kind of message a queue as a Trigger would have it."""
        with pika.BlockingConnection(pika.URLParameters(self.amqp)) as connection:
            channel = connection.channel()
            topology.declare_exchanges(channel)
            for queue in ("functions", "replies", "events"):
                channel.queue_declare(queue, durable=True)
            for name in FUNCTIONS.split(","):
                channel.queue_bind("functions", COMMANDS, name)
            for type in EVENT_TYPES:
                channel.queue_bind("functions", EVENTS, type)
            channel.queue_bind("events", EVENTS, "#")
            channel.queue_bind("replies", REPLIES, "replies")

    def seal(self, secret: str) -> str:
        return encryption.Sealer(Settings({"CAPSULE_ROOT": str(self.folder)})).seal("probe", secret)

    def environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("CAPSULE_")},
            "PYTHONPATH": f"{EXTRA}{os.pathsep}{ROOT}",
            "CAPSULE_FUNCTION": FUNCTIONS,
            "CAPSULE_AMQP_URL": self.amqp,
            "CAPSULE_PROBE_DATABASE_URL": self.database,
            "CAPSULE_BIND": "127.0.0.1",
            "CAPSULE_STRICT": "1",
            "CAPSULE_ROOT": str(self.folder),
            "PROBE_BELL": str(self.folder / "bell"),
            "PROBE_BEGUN": str(self.folder / "begun"),
            "PROBE_HURRY": str(self.folder / "hurry"),
            "ACCIDENT_FLAG": str(self.folder / "accident"),
        }

    def worker(self, **environment: str) -> Worker:
        port = free_port()
        log = self.folder / f"worker-{port}.log"
        worker = Worker(_forks().fork({**self.environment(), "PORT": str(port), **environment}, log), port, log)
        return self.ready(worker)

    def worker_of_its_own(self) -> Worker:
        """A child of ours, started from nothing: it is known how it ends."""
        port = free_port()
        log = self.folder / f"worker-{port}.log"
        command = [sys.executable, "-m", "tests.runtime.worker"]
        with log.open("wb") as output:
            process = subprocess.Popen(command, env={**self.environment(), "PORT": str(port)}, cwd=ROOT, stderr=output, stdout=output)
        return self.ready(Worker(process, port, log))

    def ready(self, worker: Worker) -> Worker:
        self.workers.append(worker)
        until(lambda: self._answers(worker), 30, f"for a worker, whose log is {worker.log}")
        return worker

    @staticmethod
    def _answers(worker: Worker) -> bool:
        if worker.process.poll() is not None:
            raise AssertionError(f"the worker ended by itself:\n{worker.log.read_text()}")
        try:
            return HTTP.get(f"http://127.0.0.1:{worker.port}/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    def pump(self, port: Callable[[], int]) -> Pump:
        pump = Pump(self.amqp, port)
        self.pumps.append(pump)
        pump.thread.start()
        return pump

    def rows(self, statement: str, *parameters: Any) -> list[Any]:
        """By one connection that is kept, and made anew when the server has restarted."""
        try:
            return self._rows(statement, parameters)
        except psycopg.OperationalError:
            self._connection = None
            return self._rows(statement, parameters)

    def _rows(self, statement: str, parameters: tuple[Any, ...]) -> list[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self.owner, autocommit=True, connect_timeout=5)
        return self._connection.execute(statement, parameters).fetchall()

    def count(self, statement: str, *parameters: Any) -> int:
        return int(self.rows(f"SELECT count(*) FROM {statement}", *parameters)[0][0])

    def bell(self) -> list[str]:
        file = self.folder / "bell"
        return file.read_text().splitlines() if file.exists() else []

    def take(self, queue: str) -> tuple[dict[str, Any], bytes] | None:
        """The next message of a queue, if there is one. By one channel that is kept, and made anew when RabbitMQ has closed it."""
        with self._receiving:
            try:
                return self._take(queue)
            except (pika.exceptions.AMQPError, OSError):
                self._receiver = None
                return self._take(queue)

    def _take(self, queue: str) -> tuple[dict[str, Any], bytes] | None:
        if self._receiver is None or not self._receiver.is_open:
            parameters = pika.URLParameters(self.amqp)
            parameters.heartbeat = 0  # nobody answers heartbeats between two calls
            self._receiver = pika.BlockingConnection(parameters).channel()
        method, properties, body = self._receiver.basic_get(queue, auto_ack=True)
        return None if method is None else ({**(properties.headers or {}), "routing_key": method.routing_key}, body)

    @contextmanager
    def channel(self) -> Iterator[BlockingChannel]:
        """To RabbitMQ, for a while."""
        with pika.BlockingConnection(pika.URLParameters(self.amqp)) as connection:
            yield connection.channel()

    def outcome(self, worker: Worker, account: str, how: str = "") -> str:
        """Of one deposit asked for now, however long it takes."""
        command = request("probe.deposit")
        assert worker.post(command, deposit(account=account, how=how), timeout=HTTP_PATIENCE) == 204
        return str(self.reply(command["correlationid"])[0]["outcome"])

    def addressed_to(self, function: str) -> tuple[dict[str, Any], bytes]:
        """The next message for that function alone, passing over those for others."""

        def look() -> tuple[dict[str, Any], bytes] | None:
            found = self.take("functions")
            return found if found and found[0]["routing_key"] == function else None

        found: tuple[dict[str, Any], bytes] = until(look, why=f"for a message to {function}")
        return found

    def reply(self, correlation: str) -> tuple[dict[str, Any], Any]:
        """The next reply to that request."""

        def look() -> tuple[dict[str, Any], bytes] | None:
            found = self.take("replies")
            return found if found and found[0]["correlationid"] == correlation else None

        headers, body = until(look, why="for a reply")
        return headers, json.loads(body) if body else None

    def close(self) -> None:
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()
        for pump in self.pumps:
            pump.stop()
        if self._connection is not None:
            self._connection.close()
        if self._receiver is not None and self._receiver.connection.is_open:
            with suppress(pika.exceptions.AMQPError):  # RabbitMQ may have ended
                self._receiver.connection.close()


def worlds(postgres: Any, amqp: str, folder: Path) -> Iterator[World]:
    database = postgres.database("auth")
    world = World(database.functions_url, database.owner_url, amqp, folder, reader=database.reader_url)
    world.prepare()
    yield world
    world.close()
