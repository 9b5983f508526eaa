"""Billing's and monitor's functions in one real process, on the real runtime, RabbitMQ and PostgreSQL, and one user with one application."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pika

from functions.kernel import new_id
from functions.runtime.messaging.exchanges import COMMANDS, EVENTS, REPLIES
from functions.runtime.security import encryption, tokens
from functions.runtime.serving import topology
from tests.runtime.harness import Worker, World
from tests.runtime.messages import message, request

NOW = datetime.now(UTC)
FUNCTIONS = "billing.on_user_created,billing.on_usage_measured,billing.current_bill,billing.customer,billing.health,monitor.*"
"""Of billing those that need no payment provider."""
WEBHOOKS = "127.0.0.1"


@dataclass
class Platform(World):
    """Both contexts in one process, each with its own database; its events come back to it."""

    billing: str = ""

    def prepare(self) -> None:
        self.signing = tokens.new_signing_jwks()
        self._mount("etc/capsule/jwks/jwks.json", tokens.public_jwks(self.signing))
        private = encryption.new_private_keys()
        self._mount("etc/capsule/sealing/keys.json", private)
        self._mount("etc/capsule/sealing-public/monitor.json", encryption.public_key(private))
        with pika.BlockingConnection(pika.URLParameters(self.amqp)) as connection:
            channel = connection.channel()
            topology.declare_exchanges(channel)
            for queue in ("functions", "replies", "customers"):
                channel.queue_declare(queue, durable=True)
            for type in ("usage.measured", "alert-notification.requested", "webhook-delivery.requested"):
                channel.queue_bind("functions", EVENTS, type)
            alerts = ("on_alert_delivery_requested", "on_alert_check_requested", "on_alert_notification_requested")
            for function in (*alerts, "on_webhook_delivery_requested"):
                channel.queue_bind("functions", COMMANDS, f"monitor.{function}")
            channel.queue_bind("customers", EVENTS, "customer.created")
            channel.queue_bind("replies", REPLIES, "replies")

    def environment(self) -> dict[str, str]:
        databases = {"CAPSULE_BILLING_DATABASE_URL": self.billing, "CAPSULE_MONITOR_DATABASE_URL": self.database}
        outside = {"CAPSULE_WEBHOOK_HOSTS": WEBHOOKS, "CAPSULE_MAIL_URL": f"maildir://{self.folder / 'mail'}", "CAPSULE_OPERATORS": "ops@example.org"}
        return {**super().environment(), **databases, **outside, "CAPSULE_FUNCTION": FUNCTIONS}

    def token(self, user: UUID, role: str = "user") -> str:
        key = self.signing["keys"][0]
        now = int(time.time())
        claims = {"iss": "capsule", "aud": "capsule", "sub": str(user), "sid": str(uuid4()), "roles": [role], "jti": "j"}
        return jwt.encode({**claims, "iat": now, "exp": now + 600}, jwt.PyJWK(key), key["alg"], {"kid": key["kid"], "typ": "at+jwt"})


class Story:
    """One user and one application."""

    def __init__(self, world: Platform, worker: Worker) -> None:
        self.world, self.worker = world, worker
        self.user, self.application, self.correlation = new_id(), uuid4(), str(uuid4())

    def happened(self, type: str, id: str | None = None, **data: Any) -> None:
        sent = message(type, id, correlationid=self.correlation)
        assert self.worker.post(sent, json.dumps(data, default=str).encode()) == 204

    def ask(self, query: str, role: str = "user", **data: Any) -> tuple[str, Any]:
        sent = request(query, token=self.world.token(self.user, role))
        assert self.worker.post(sent, json.dumps(data, default=str).encode()) == 204
        headers, body = self.world.reply(sent["correlationid"])
        return headers["status"], body

    def registered(self) -> None:
        self.happened("user.created", userId=self.user, email="ada@example.org", at=NOW - timedelta(days=1))

    def owned(self) -> None:
        self.happened("application.created", applicationId=self.application, userId=self.user, name="shop", at=NOW)

    def served(self, count: int, id: str | None = None, status: int = 200) -> None:
        begin = datetime.now(UTC) - timedelta(seconds=10)
        labels = {"capsule.dev/application": str(self.application), "capsule.dev/environment": "staging"}
        one = {"from": begin, "to": begin + timedelta(seconds=1), "namespace": "app-shop", "service": "shop-staging", "revision": "shop-staging-1"}
        window = {**one, "labels": labels, "status": status, "count": count, "durationMsSum": count * 2.0, "durations": {"buckets": {"15": count}}}
        self.happened("requests.measured", id, windows=[window])

    def used(self, milliseconds: int, id: str | None = None) -> None:
        begin = NOW - timedelta(minutes=1)
        labels = {"capsule.dev/application": str(self.application), "capsule.dev/environment": "staging"}
        one = {"from": begin, "to": begin + timedelta(seconds=5), "namespace": "app-shop", "pod": "shop-1", "service": "shop-staging"}
        used = {"cpuMilliseconds": milliseconds, "memoryBytesMax": 50 << 20, "memoryBytesMean": 40 << 20}
        self.happened("resources.measured", id, windows=[{**one, **used, "revision": "shop-staging-1", "labels": labels}])

    def wrote(self, line: str, namespace: str = "app-shop", **labels: str) -> None:
        entry = {"at": NOW, "namespace": namespace, "pod": "p", "container": "c", "labels": labels, "stream": "stderr", "line": line}
        self.happened("logs.collected", entries=[entry])

    def billed(self) -> tuple[int, int]:
        """Requests, and milliseconds of CPU."""
        status, bill = self.ask("billing.current_bill")
        assert status == "200"
        return sum(line["requests"] for line in bill["lines"]), sum(line["cpuMilliseconds"] for line in bill["lines"])
