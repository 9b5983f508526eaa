"""The gateway and the functions of contexts as processes over RabbitMQ and PostgreSQL. A pump stands for the broker's dispatchers."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import httpx
import pika
import psycopg

from functions.runtime.config.registry import Registry
from functions.runtime.messaging.exchanges import COMMANDS
from functions.runtime.security import encryption, tokens
from functions.runtime.serving import topology
from tests.runtime.harness import ROOT, free_port, until
from tests.runtime.pump import Pump
from tests.servers import Database
from tests.waiting import wait_limit


@dataclass
class Live:
    """`databases`: of each context whose functions run; auth's is among them."""

    amqp: str
    databases: Mapping[str, Database]
    folder: Path
    output: IO[bytes] | None = None
    """Where the processes write, instead of a file for each."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """More settings of the processes."""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    pumps: list[Pump] = field(default_factory=list)

    def start(self) -> None:
        self.mount_keys()
        self.declare()
        self.functions = self.start_process(",".join(f"{context}.*" for context in self.databases), "/healthz")
        self.gateway = self.start_gateway()
        self.pumps.append(Pump(self.amqp, lambda: self.functions))
        self.pumps[-1].thread.start()
        self.client = httpx.Client(base_url=self.url, timeout=30)

    def start_gateway(self) -> int:
        """Start one more gateway, the last of `processes`. Returns its port."""
        return self.start_process("edge.gateway", "/readyz")

    def mount_keys(self) -> None:
        signing, private = tokens.new_signing_jwks(), encryption.new_private_keys()
        self._mount("signing/jwks.json", signing)
        self._mount("jwks/jwks.json", tokens.public_jwks(signing))
        self._mount("sealing/keys.json", private)
        for context in self.databases:
            self._mount(f"sealing-public/{context}.json", encryption.public_key(private))

    def _mount(self, name: str, content: Any) -> None:
        file = self.folder / "etc" / "capsule" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))

    def declare(self) -> None:
        """Declare the exchanges, and bind commands and queries to the queue that the pump reads."""
        with pika.BlockingConnection(pika.URLParameters(self.amqp)) as connection:
            channel = connection.channel()
            topology.declare_exchanges(channel)
            channel.queue_declare("functions", durable=True)
            for declaration in Registry.load(list(self.databases)).declarations:
                channel.queue_bind("functions", COMMANDS, declaration.name)

    def environment(self, function: str, port: int) -> dict[str, str]:
        """Of a process of the platform."""
        urls: dict[str, str] = {}
        for context, database in self.databases.items():
            urls[f"CAPSULE_{context.upper()}_DATABASE_URL"] = database.functions_url
            urls[f"CAPSULE_{context.upper()}_READER_URL"] = database.reader_url
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("CAPSULE_")},
            "CAPSULE_FUNCTION": function,
            "CAPSULE_AMQP_URL": self.amqp,
            **urls,
            "CAPSULE_ROOT": str(self.folder),
            "CAPSULE_BIND": "127.0.0.1",
            "CAPSULE_MAIL_URL": f"maildir://{self.folder}/mail",
            "CAPSULE_PUBLIC_URL": "http://capsule.test",
            "CAPSULE_STRIPE_API_KEY": "sk_test_none",
            "CAPSULE_STRIPE_API_BASE": "http://127.0.0.1:9",
            "CAPSULE_STRIPE_WEBHOOK_SECRET": "whsec_none",
            "CAPSULE_GATEWAY_RATE_LIMITS": "off",  # all clients of the tests have one address
            **self.settings,
            "PORT": str(port),
        }

    def start_process(self, function: str, probe: str) -> int:
        port = free_port()
        environment = self.environment(function, port)
        log = self.folder / f"{function.partition(',')[0].replace('*', 'all')}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "functions.runtime.serving.serve"],
                env=environment,
                cwd=ROOT,
                stdout=self.output or output,
                stderr=self.output or output,
                start_new_session=True,
            )
        self.processes.append(process)
        until(lambda: self._answers(process, port, probe, log), wait_limit(120), f"for {function}:\n{log.read_text()}")
        return port

    @staticmethod
    def _answers(process: subprocess.Popen[bytes], port: int, probe: str, log: Path) -> bool:
        if process.poll() is not None:
            raise AssertionError(f"the process ended:\n{log.read_text()}")
        try:
            return httpx.get(f"http://127.0.0.1:{port}{probe}").status_code == 200
        except httpx.HTTPError:
            return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.gateway}"

    @property
    def owner_url(self) -> str:
        """Of auth's database, as its owner."""
        return self.databases["auth"].owner_url

    @contextmanager
    def another_gateway(self) -> Iterator[httpx.Client]:
        """A gateway that starts now."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self.start_gateway()}", timeout=30) as client:
            yield client
        process = self.processes.pop()
        process.terminate()
        process.wait(30)

    def rows(self, statement: str, *parameters: Any) -> list[Any]:
        with psycopg.connect(self.owner_url, autocommit=True) as connection:
            return connection.execute(statement, parameters).fetchall()

    def log(self, function: str) -> str:
        return (self.folder / f"{function}.log").read_text()

    def stop(self) -> None:
        for pump in self.pumps:
            pump.stop()
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(wait_limit(30))


@contextmanager
def running(
    amqp: str, databases: Mapping[str, Database], folder: Path, output: IO[bytes] | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Live]:
    live = Live(amqp, databases, folder, output, settings or {})
    try:
        live.start()
        yield live
    finally:
        live.stop()


PASSWORD = "correct horse battery staple 9"


def register(live: Live, email: str, **headers: str) -> Any:
    return live.client.post("/v1/users", json={"email": email, "password": PASSWORD}, headers=headers)


def sign_in(live: Live) -> tuple[str, str]:
    """Register a new user. Returns e-mail address and access token."""
    email = f"{uuid4().hex[:12]}@example.org"
    assert register(live, email).is_success
    live.rows("UPDATE users SET email_verified_at = now() WHERE email = %s RETURNING id", email)
    answer = live.client.post("/v1/sessions", json={"email": email, "password": PASSWORD})
    assert answer.is_success, answer.text
    return email, answer.json()["accessToken"]
