"""Billing with all its parts: gateway, functions of billing and deploy, RabbitMQ, PostgreSQL and the stand-in for Stripe.

Stripe's webhooks arrive through the gateway. A pump replaces the broker's dispatchers.
"""

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
from functions.runtime.messaging.exchanges import COMMANDS, EVENTS
from functions.runtime.security import encryption, tokens
from functions.runtime.serving import topology
from tests.billing.stripe_stand_in import StandIn, stand_in
from tests.runtime.harness import ROOT, Worker, World, free_port, until
from tests.runtime.messages import message
from tests.waiting import wait_limit

OTHER_FUNCTIONS = ("deploy.on_subscription_changed", "deploy.quota", "auth.revoked_sessions")
"""Of the contexts that billing and the gateway need."""


@dataclass
class RunningSystem(World):
    deploy: str = ""
    auth: str = ""
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
            for declaration in Registry.load(["auth", "billing", "deploy"]).declarations:
                if declaration.context == "billing" or declaration.name in OTHER_FUNCTIONS:
                    channel.queue_bind("functions", COMMANDS, declaration.name)
                    if declaration.kind in ("event", "effect"):
                        channel.queue_bind("functions", EVENTS, str(declaration.message_type))
            channel.queue_bind("events", EVENTS, "#")

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            **self.stripe.environment,
            "CAPSULE_FUNCTION": ",".join(("billing.*", *OTHER_FUNCTIONS)),
            "CAPSULE_BILLING_DATABASE_URL": self.database,
            "CAPSULE_DEPLOY_DATABASE_URL": self.deploy,
            "CAPSULE_AUTH_DATABASE_URL": self.auth,
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

    def start_worker_killed_after_charge(self) -> Worker:
        port = free_port()
        log = self.folder / f"killed-{port}.log"
        environment = {**self.environment(), "CAPSULE_FUNCTION": "billing.on_payment_requested", "PORT": str(port)}
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.billing.killed_after_charge"], env=environment, cwd=ROOT, stdout=output, stderr=output
            )
        worker = Worker(process, port, log)  # type: ignore[arg-type]
        self.workers.append(worker)
        until(lambda: self._answers(worker), 60, "for a worker")
        return worker

    def token(self, user: UUID, *roles: str) -> str:
        key = self.signing["keys"][0]
        now = int(time.time())
        claims = {"iss": "capsule", "aud": "capsule", "sub": str(user), "sid": str(uuid4()), "roles": ["user", *roles], "jti": "j"}
        return jwt.encode({**claims, "iat": now, "exp": now + 600}, jwt.PyJWK(key), key["alg"], {"kid": key["kid"], "typ": "at+jwt"})

    def mails(self, to: str) -> list[EmailMessage]:
        mails = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in (self.folder / "mail" / "new").glob("*")]
        return [mail for mail in mails if mail["To"] == to]

    def change(self, statement: str, *parameters: Any) -> None:
        """Change one row as the owner of billing's database, to simulate the passing of time."""
        with psycopg.connect(self.owner, autocommit=True) as connection:
            assert connection.execute(statement, parameters).rowcount == 1  # type: ignore[call-overload]


class Customer:
    """A user with an HTTP client of the API."""

    def __init__(self, system: RunningSystem, *roles: str) -> None:
        self.system, self.user = system, new_id()
        self.email = f"{self.user.hex}@example.org"
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{system.gateway}", headers={"Authorization": f"Bearer {system.token(self.user, *roles)}"}, timeout=30
        )

    def register(self) -> "Customer":
        body = {"userId": str(self.user), "email": self.email, "at": "2026-01-31T10:00:00Z"}
        assert self.system.current.post(message("user.created"), json.dumps(body).encode(), "/billing.on_user_created") == 204
        return self

    def get(self, path: str, **query: Any) -> Any:
        answer = self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def subscribe(self, plan: str, method: str | None = "pm_card_visa") -> httpx.Response:
        return self.client.post("/v1/billing/subscription", json={"plan": plan, **({"paymentMethod": method} if method else {})})

    def subscription(self) -> Any:
        return self.get("/v1/billing/subscription")

    def wait_for_plan(self, plan: str) -> Any:
        until(lambda: self.subscription()["plan"] == plan, why=f"for the plan {plan}")
        return self.subscription()

    def wait_for_mails(self, count: int) -> list[EmailMessage]:
        until(lambda: len(self.system.mails(self.email)) >= count, why=f"for {count} mails")
        return self.system.mails(self.email)


@contextmanager
def running_system(postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    folder, database = tmp_path_factory.mktemp("billing"), postgres.database("billing")
    others = {name: postgres.database(name).functions_url for name in ("deploy", "auth")}
    system = RunningSystem(database.functions_url, database.owner_url, rabbitmq.vhost(), folder, **others)
    system.gateway = free_port()
    with stand_in(folder / "stripe", f"http://127.0.0.1:{system.gateway}/v1/billing/webhooks/stripe") as stripe:
        system.stripe = stripe
        system.prepare()
        gateway = system.open_gateway()
        try:
            system.current = system.worker()
            system.pump(lambda: system.current.port)
            yield system
        finally:
            system.close()
            gateway.terminate()
            gateway.wait(wait_limit(30))
