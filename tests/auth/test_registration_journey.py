"""A registration over three contexts: real functions, RabbitMQ with the delay exchange, three databases, and Stripe's stand-in.

The stand-in may be down. Days are simulated by changing the times in the registration's row.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pika
import pytest

from functions.kernel import Kind
from functions.runtime.config.registry import find
from functions.runtime.messaging.exchanges import COMMANDS, EVENTS
from tests.auth.running_context import AuthWorld, Visitor
from tests.billing.stripe_stand_in import KEY, SECRET, StandIn, stand_in
from tests.runtime.harness import Worker, free_port, until
from tests.runtime.messages import message, request

AUTH_FUNCTIONS = (
    *("register", "verify_email", "login", "registration", "registrations", "resume_registration", "on_user_created", "on_customer_created"),
    *("on_quota_granted", "on_payment_account_changed", "on_registration_timed_out", "on_registration_failed", "housekeeping"),
)
BILLING_FUNCTIONS = (
    "on_user_created",
    "on_customer_requested",
    "on_payment_account_requested",
    "on_payment_account_closure_requested",
    "subscribe",
    "customer",
)
FUNCTIONS = (
    *(f"auth.{name}" for name in AUTH_FUNCTIONS),
    *(f"billing.{name}" for name in BILLING_FUNCTIONS),
    "deploy.on_quota_requested",
    "deploy.quota",
)


@dataclass
class ThreeContexts(AuthWorld):
    billing: str = ""
    deploy: str = ""
    port: int = field(default_factory=free_port)
    """Port of the payment provider, which may be down."""
    stack: ExitStack = field(default_factory=ExitStack)
    current: Worker = None  # type: ignore[assignment]

    def prepare(self) -> None:
        super().prepare()
        with pika.BlockingConnection(pika.URLParameters(self.amqp)) as connection:
            channel = connection.channel()
            for declaration in map(find, FUNCTIONS):
                channel.queue_bind("functions", COMMANDS, declaration.name)
                if declaration.kind in (Kind.EVENT, Kind.EFFECT):
                    channel.queue_bind("functions", EVENTS, str(declaration.message_type))

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            "CAPSULE_FUNCTION": ",".join(FUNCTIONS),
            "CAPSULE_BILLING_DATABASE_URL": self.billing,
            "CAPSULE_DEPLOY_DATABASE_URL": self.deploy,
            "CAPSULE_STRIPE_API_BASE": f"http://127.0.0.1:{self.port}",
            "CAPSULE_STRIPE_API_KEY": KEY,
            "CAPSULE_STRIPE_WEBHOOK_SECRET": SECRET,
        }

    def start(self, **environment: str) -> "ThreeContexts":
        self.current = self.worker(**environment)
        self.pump(lambda: self.current.port)
        return self

    def start_provider(self) -> StandIn:
        return self.stack.enter_context(stand_in(self.folder / "stripe", port=self.port))

    def tick(self) -> None:
        headers = message("dev.knative.sources.ping", function="auth.housekeeping")
        assert self.current.post(headers, b"{}", "/auth.housekeeping") == 204

    def expire_reminder(self, visitor: Visitor, *columns: str) -> None:
        """Make the registration's reminder overdue and, with `deadline_at`, its step expired."""
        changes = ", ".join(f"{column} = now() - interval '5 minutes'" for column in ("reminder_at", *columns))
        assert self.rows(f"UPDATE registrations SET {changes} WHERE id = %s RETURNING 1", self.id_of(visitor))

    def purge_messages(self) -> int:
        """Drop all messages that wait for a function, and those in auth's outbox: published, and not deleted yet. Returns how many waited."""
        self.rows("DELETE FROM outbox RETURNING id")
        with pika.BlockingConnection(pika.URLParameters(self.amqp)) as connection:
            return int(connection.channel().queue_purge("functions").method.message_count)

    def id_of(self, visitor: Visitor) -> Any:
        return self.rows("SELECT id FROM users WHERE email = %s", visitor.email)[0][0]

    def close(self) -> None:
        super().close()
        self.stack.close()


@pytest.fixture
def three(postgres: Any, rabbitmq: Any, tmp_path: Path) -> Iterator[ThreeContexts]:
    database = postgres.database("auth")
    others = {context: postgres.database(context).functions_url for context in ("billing", "deploy")}
    world = ThreeContexts(database.functions_url, database.owner_url, rabbitmq.vhost(), tmp_path, **others)
    world.prepare()
    yield world
    world.close()


class User(Visitor):
    """A signed-in user who sends requests to any context."""

    token = ""

    def signed_in(self) -> "User":
        self.verified()
        self.token = self.login()[1]["accessToken"]
        return self

    def request(self, function: str, **body: Any) -> tuple[int, Any]:
        headers = request(function, token=self.token)
        assert self.world.current.post(headers, json.dumps(body).encode(), f"/{function}") == 204  # type: ignore[attr-defined]
        reply, answer = self.world.reply(headers["correlationid"])
        return int(reply["status"]), answer

    def registration(self) -> dict[str, Any]:
        status, view = self.request("auth.registration")
        assert status == 200, view
        return dict(view)

    def wait_for_status(self, status: str) -> dict[str, Any]:
        until(lambda: self.registration()["status"] == status, 30, f"for the registration to be {status}")
        return self.registration()


def attempts_by_step(view: dict[str, Any]) -> list[tuple[str, int]]:
    return [(line["step"], line["attempts"]) for line in view["steps"]]


def test_a_registration_completes_over_three_contexts(three: ThreeContexts) -> None:
    stripe = three.start_provider()
    ada = User(three, three.start().current).signed_in()
    view = ada.wait_for_status("completed")
    assert attempts_by_step(view) == [("user", 1), ("customer", 1), ("quota", 1), ("payment-account", 1)]
    assert all(line["finishedAt"] and line["error"] is None for line in view["steps"])
    (account,) = stripe.objects("customers")
    assert account["email"] == ada.email
    assert ada.request("deploy.quota")[1]["applications"]["limit"] == 5

    types = [event["type"] for event in three.take_events() if not event["type"].startswith(("user.logged", "email", "audit"))]
    assert types == [
        *("user.created", "customer.created", "quota.requested", "quota.granted"),
        *("payment-account.requested", "payment-account.changed", "registration.completed"),
    ]


def test_an_unavailable_provider_is_asked_again_until_it_answers(three: ThreeContexts) -> None:
    ada = User(three, three.start().current).signed_in()
    until(lambda: ada.registration()["steps"][-1].get("error"), 30, "for the first attempt to fail")
    view = ada.registration()
    assert (view["status"], view["finishedAt"]) == ("payment-account", None)
    assert ada.request("deploy.quota")[1]["applications"]["limit"] == 5, "the quota does not wait for the provider"
    assert ada.request("billing.customer")[1]["plan"]["code"] == "free"

    stripe = three.start_provider()
    three.expire_reminder(ada)
    three.tick()
    view = ada.wait_for_status("completed")
    assert attempts_by_step(view)[-1] == ("payment-account", 2)
    assert len(stripe.objects("customers")) == 1
    assert three.count("dead_letters") == 0


def test_housekeeping_resumes_after_a_crash_and_the_loss_of_all_messages(three: ThreeContexts) -> None:
    stripe = three.start_provider()
    three.start(ACCIDENT="billing.on_payment_account_requested/before-claim")
    ada = User(three, three.current)
    assert ada.register()[0] == 202
    until(lambda: three.current.process.poll() is not None, 30, "for the process to be killed")
    for pump in three.pumps:
        pump.stop()
    assert len(stripe.objects("customers")) == 1, "the provider has opened the account"
    assert three.purge_messages() > 0

    three.start()
    ada.worker = three.current
    three.expire_reminder(ada)
    three.tick()
    until(lambda: three.count("registrations WHERE status = 'completed'") == 1, 30, "for the registration to be resumed")
    assert len(stripe.objects("customers")) == 1, "no second account"
    assert three.rows("SELECT attempts FROM saga_steps WHERE step = 'payment-account'") == [(2,)]


def test_a_failed_registration_is_compensated_reported_and_resumed(three: ThreeContexts) -> None:
    admin = User(three, three.start().current).signed_in()
    three.rows("UPDATE users SET roles = '{user,admin}' WHERE email = %s RETURNING 1", admin.email)
    admin.token = admin.login()[1]["accessToken"]
    ada = User(three, three.current).signed_in()
    until(lambda: ada.registration()["steps"][-1].get("error"), 30, "for the first attempt to fail")

    three.expire_reminder(ada, "deadline_at")
    three.tick()
    view = ada.wait_for_status("compensated")
    assert (view["failedStep"], view["reason"]) == ("payment-account", "timed-out")
    assert "works on the free plan" in view["summary"]
    assert [line["step"] for line in view["steps"]] == ["user", "customer", "quota", "payment-account", "compensating"]
    status, problem = ada.request("billing.subscribe", plan="pro", paymentMethod="pm_card_visa")
    assert (status, problem["type"]) == (409, "/problems/payment-account-missing")
    assert ada.request("deploy.quota")[1]["applications"]["limit"] == 5, "the quota stays"

    until(
        lambda: any("failed at the step payment-account" in mail and ada.email in mail for mail in three.mails(admin.email)),
        why="for the e-mail to the administrator",
    )
    status, page = admin.request("auth.registrations", status="compensated")
    assert (status, [each["email"] for each in page["items"]]) == (200, [ada.email])
    assert ada.request("auth.registrations")[0] == 403

    three.start_provider()
    assert admin.request("auth.resume_registration", userId=str(three.id_of(ada)))[0] == 202
    ada.wait_for_status("completed")
    assert ada.request("billing.subscribe", plan="pro", paymentMethod="pm_card_visa")[0] == 202
