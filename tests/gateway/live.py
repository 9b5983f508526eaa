"""The gateway and auth's functions as processes over RabbitMQ and PostgreSQL. A pump stands for the broker's dispatchers."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pika
import psycopg

from functions.runtime.config.registry import Registry
from functions.runtime.messaging.exchanges import COMMANDS
from functions.runtime.security import encryption, tokens
from functions.runtime.serving import topology
from tests.runtime.harness import ROOT, free_port, until
from tests.runtime.pump import Pump
from tests.waiting import wait_limit

CONTEXT = "auth"


@dataclass
class Live:
    amqp: str
    functions_url: str
    owner_url: str
    folder: Path
    reader_url: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    """Settings of the processes, in addition."""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    pumps: list[Pump] = field(default_factory=list)

    def start(self) -> None:
        self._mount_keys()
        self.declare()
        self.functions = self._process(f"{CONTEXT}.*", "/healthz")
        self.gateway = self._process("edge.gateway", "/readyz")
        self.pumps.append(Pump(self.amqp, lambda: self.functions))
        self.pumps[-1].thread.start()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.gateway}", timeout=30)

    def _mount_keys(self) -> None:
        signing, private = tokens.new_signing_jwks(), encryption.new_private_keys()
        self._mount("signing/jwks.json", signing)
        self._mount("jwks/jwks.json", tokens.public_jwks(signing))
        self._mount("sealing/keys.json", private)
        self._mount(f"sealing-public/{CONTEXT}.json", encryption.public_key(private))

    def _mount(self, name: str, content: Any) -> None:
        file = self.folder / "etc" / "capsule" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))

    def declare(self) -> None:
        """Declare the exchanges, and bind auth's commands and queries to the queue that the pump reads."""
        with pika.BlockingConnection(pika.URLParameters(self.amqp)) as connection:
            channel = connection.channel()
            topology.declare_exchanges(channel)
            channel.queue_declare("functions", durable=True)
            for declaration in Registry.load([CONTEXT]).declarations:
                channel.queue_bind("functions", COMMANDS, declaration.name)

    def _process(self, function: str, probe: str) -> int:
        port = free_port()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CAPSULE_")},
            "CAPSULE_FUNCTION": function,
            "CAPSULE_AMQP_URL": self.amqp,
            "CAPSULE_AUTH_DATABASE_URL": self.functions_url,
            "CAPSULE_AUTH_READER_URL": self.reader_url,
            "CAPSULE_ROOT": str(self.folder),
            "CAPSULE_BIND": "127.0.0.1",
            "CAPSULE_MAIL_URL": f"maildir://{self.folder}/mail",
            "CAPSULE_PUBLIC_URL": "http://capsule.test",
            "PORT": str(port),
            **self.variables,
        }
        log = self.folder / f"{function.replace('*', 'all')}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "functions.runtime.serving.serve"], env=environment, cwd=ROOT, stdout=output, stderr=output
            )
        self.processes.append(process)
        until(lambda: self._answers(process, port, probe, log), 30, f"for {function}:\n{log.read_text()}")
        return port

    @staticmethod
    def _answers(process: subprocess.Popen[bytes], port: int, probe: str, log: Path) -> bool:
        if process.poll() is not None:
            raise AssertionError(f"the process ended:\n{log.read_text()}")
        try:
            return httpx.get(f"http://127.0.0.1:{port}{probe}").status_code == 200
        except httpx.HTTPError:
            return False

    @contextmanager
    def another_gateway(self) -> Iterator[httpx.Client]:
        """A gateway that starts now."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self._process('edge.gateway', '/readyz')}", timeout=30) as client:
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
