"""Billing as it runs: the gateway, a process of billing's and deploy's functions, RabbitMQ, PostgreSQL, and the stand-in for Stripe, whose webhook_events
come in through the gateway. A pump stands for the broker's dispatchers."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pika
import psycopg
import pytest

from functions.kernel import new_id
from functions.runtime.config.registry import Registry
from functions.runtime.messaging.bus import COMMANDS, EVENTS
from functions.runtime.security import encryption, tokens
from functions.runtime.serving import topology
from tests.billing.stand_in import StandIn, stand_in
from tests.runtime.harness import ROOT, Worker, World, free_port, message, until

OTHERS = ("deploy.on_subscription_changed", "deploy.quota")


@dataclass
class Live(World):
    deploy: str = ""
    gateway: int = 0
    stripe: StandIn = None  # type: ignore[assignment]
    current: Worker = None  # type: ignore[assignment]

    def prepare(self) -> None:
        self.signing = tokens.new_signing_jwks()
        self._mount("etc/capsule/jwks/jwks.json", tokens.public_jwks(self.signing))
        self._mount("etc/capsule/sealing-public/billing.json", encryption.public_key(encryption.new_private_keys()))
        with pika.BlockingConnection(pika.URLParameters(self.amqp)) as connection:
            channel = connection.channel()
            topology.declare_exchanges(channel)
            for queue in ("functions", "events"):
                channel.queue_declare(queue, durable=True)
            for declared in Registry.load(["billing", "deploy"]).declarations:
                if declared.context == "billing" or declared.name in OTHERS:
                    channel.queue_bind("functions", COMMANDS, declared.name)
                    if declared.kind in ("event", "effect"):
                        channel.queue_bind("functions", EVENTS, str(declared.message_type))
            channel.queue_bind("events", EVENTS, "#")

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            **self.stripe.environment,
            "CAPSULE_FUNCTION": ",".join(("billing.*", *OTHERS)),
            "CAPSULE_BILLING_DATABASE_URL": self.database,
            "CAPSULE_DEPLOY_DATABASE_URL": self.deploy,
            "CAPSULE_MAIL_URL": f"maildir://{self.folder}/mail",
        }

    def open_gateway(self) -> subprocess.Popen[bytes]:
        environment = {**self.environment(), "CAPSULE_FUNCTION": "edge.gateway", "PORT": str(self.gateway)}
        with (self.folder / "gateway.log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", "functions.runtime.serving.serve"], env=environment, cwd=ROOT, stdout=log, stderr=log)
        until(partial(self._gateway_ready, process), 30, "for the gateway")
        return process

    def _gateway_ready(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, (self.folder / "gateway.log").read_text()
        try:
            return httpx.get(f"http://127.0.0.1:{self.gateway}/readyz").is_success
        except httpx.HTTPError:
            return False

    def dying_after_its_charge(self) -> Worker:
        port = free_port()
        log = self.folder / f"dying-{port}.log"
        environment = {**self.environment(), "CAPSULE_FUNCTION": "billing.on_payment_requested", "PORT": str(port)}
        with log.open("wb") as output:
            process = subprocess.Popen([sys.executable, "-m", "tests.billing.dying"], env=environment, cwd=ROOT, stdout=output, stderr=output)
        worker = Worker(process, port, log)  # type: ignore[arg-type]
        self.workers.append(worker)
        until(lambda: self._answers(worker), 60, "for a worker")
        return worker

    def token(self, user: UUID, *roles: str) -> str:
        key = self.signing["keys"][0]
        now = int(time.time())
        claims = {"iss": "capsule", "aud": "capsule", "sub": str(user), "sid": str(uuid4()), "roles": ["user", *roles], "jti": "j"}
        return jwt.encode({**claims, "iat": now, "exp": now + 600}, jwt.PyJWK(key, "ES256"), "ES256", {"kid": key["kid"], "typ": "at+jwt"})

    def mails(self, to: str) -> list[EmailMessage]:
        read = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in (self.folder / "mail" / "new").glob("*")]
        return [mail for mail in read if mail["To"] == to]

    def change(self, statement: str, *parameters: Any) -> None:
        """As the owner of billing's database: time cannot be waited for."""
        with psycopg.connect(self.owner, autocommit=True) as connection:
            assert connection.execute(statement, parameters).rowcount == 1  # type: ignore[call-overload]


class Person:
    """A user with a client of the HTTP API."""

    def __init__(self, live: Live, *roles: str) -> None:
        self.live, self.user = live, new_id()
        self.email = f"{self.user.hex}@example.org"
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{live.gateway}", headers={"Authorization": f"Bearer {live.token(self.user, *roles)}"}, timeout=30
        )

    def register(self) -> "Person":
        body = {"userId": str(self.user), "email": self.email, "at": "2026-01-31T10:00:00Z"}
        assert self.live.current.post(message("user.created"), json.dumps(body).encode(), "/billing.on_user_created") == 204
        return self

    def get(self, path: str, **query: Any) -> Any:
        answer = self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def subscribe(self, plan: str, method: str | None = "pm_card_visa") -> httpx.Response:
        return self.client.post("/v1/billing/subscription", json={"plan": plan, **({"paymentMethod": method} if method else {})})

    def shown(self) -> Any:
        return self.get("/v1/billing/subscription")

    def until_on(self, plan: str) -> Any:
        until(lambda: self.shown()["plan"] == plan, why=f"for the plan {plan}")
        return self.shown()

    def until_mailed(self, count: int) -> list[EmailMessage]:
        until(lambda: len(self.live.mails(self.email)) >= count, why=f"for {count} mails")
        return self.live.mails(self.email)


@contextmanager
def live(postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder, database = tmp_path_factory.mktemp("live"), postgres.database("billing")
    here = Live(database.functions_url, database.owner_url, rabbitmq.vhost(), folder, deploy=postgres.database("deploy").functions_url)
    here.gateway = free_port()
    with stand_in(folder / "stripe", f"http://127.0.0.1:{here.gateway}/v1/billing/webhooks/stripe") as stripe:
        here.stripe = stripe
        here.prepare()
        gateway = here.open_gateway()
        try:
            here.current = here.worker()
            here.pump(lambda: here.current.port)
            yield here
        finally:
            here.close()
            gateway.terminate()
            gateway.wait(30)
