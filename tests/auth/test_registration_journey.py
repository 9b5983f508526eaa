"""A registration over three contexts as it runs: real functions, RabbitMQ with the delay exchange, a database for each context, and the stand-in for
Stripe, which is there or not. Days cannot be waited for, so what the row says of time is changed; everything else goes its own way."""

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
from functions.runtime.messaging.bus import COMMANDS, EVENTS
from tests.auth.process import AuthWorld, Visitor
from tests.billing.stripe_stand_in import KEY, SECRET, StandIn, stand_in
from tests.runtime.harness import Worker, asked, free_port, message, until

AUTH = (
    *("register", "verify_email", "login", "registration", "registrations", "resume_registration", "on_user_created", "on_customer_created"),
    *("on_quota_granted", "on_payment_account_changed", "on_registration_timed_out", "on_registration_failed", "housekeeping"),
)
BILLING = (
    "on_user_created",
    "on_customer_requested",
    "on_payment_account_requested",
    "on_payment_account_closure_requested",
    "subscribe",
    "customer",
)
FUNCTIONS = (*(f"auth.{name}" for name in AUTH), *(f"billing.{name}" for name in BILLING), "deploy.on_quota_requested", "deploy.quota")


@dataclass
class ThreeContexts(AuthWorld):
    billing: str = ""
    deploy: str = ""
    port: int = field(default_factory=free_port)
    """The provider's, whether or not anybody listens."""
    opened: ExitStack = field(default_factory=ExitStack)
    current: Worker = None  # type: ignore[assignment]

    def prepare(self) -> None:
        super().prepare()
        with pika.BlockingConnection(pika.URLParameters(self.amqp)) as connection:
            channel = connection.channel()
            for declared in map(find, FUNCTIONS):
                channel.queue_bind("functions", COMMANDS, declared.name)
                if declared.kind in (Kind.EVENT, Kind.EFFECT):
                    channel.queue_bind("functions", EVENTS, str(declared.message_type))

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

    def open_provider(self) -> StandIn:
        return self.opened.enter_context(stand_in(self.folder / "stripe", port=self.port))

    def tick(self) -> None:
        headers = message("dev.knative.sources.ping", function="auth.housekeeping")
        assert self.current.post(headers, b"{}", "/auth.housekeeping") == 204

    def time_passes(self, visitor: Visitor, *columns: str) -> None:
        """As if its reminder had been due and had not come; with `deadline_at`, as if the step's time were over too."""
        changes = ", ".join(f"{column} = now() - interval '5 minutes'" for column in ("reminder_at", *columns))
        assert self.rows(f"UPDATE registrations SET {changes} WHERE id = %s RETURNING 1", self.id_of(visitor))

    def lose_everything(self) -> int:
        """Every message on its way to a function; how many there were."""
        with pika.BlockingConnection(pika.URLParameters(self.amqp)) as connection:
            return int(connection.channel().queue_purge("functions").method.message_count)

    def id_of(self, visitor: Visitor) -> Any:
        return self.rows("SELECT id FROM users WHERE email = %s", visitor.email)[0][0]

    def close(self) -> None:
        super().close()
        self.opened.close()


@pytest.fixture
def three(postgres: Any, rabbitmq: Any, tmp_path: Path) -> Iterator[ThreeContexts]:
    database = postgres.database("auth")
    others = {context: postgres.database(context).functions_url for context in ("billing", "deploy")}
    world = ThreeContexts(database.functions_url, database.owner_url, rabbitmq.vhost(), tmp_path, **others)
    world.prepare()
    yield world
    world.close()


class Ada(Visitor):
    """A visitor who has become a user and is signed in; what she asks of any context."""

    token = ""

    def signed_in(self) -> "Ada":
        self.verified()
        self.token = self.login()[1]["accessToken"]
        return self

    def of(self, function: str, **body: Any) -> tuple[int, Any]:
        headers = asked(function, token=self.token)
        assert self.world.current.post(headers, json.dumps(body).encode(), f"/{function}") == 204  # type: ignore[attr-defined]
        reply, answer = self.world.reply(headers["correlationid"])
        return int(reply["status"]), answer

    def registration(self) -> dict[str, Any]:
        status, shown = self.of("auth.registration")
        assert status == 200, shown
        return dict(shown)

    def until_it_is(self, status: str) -> dict[str, Any]:
        until(lambda: self.registration()["status"] == status, 30, f"for the registration to be {status}")
        return self.registration()


def steps(shown: dict[str, Any]) -> list[tuple[str, int]]:
    return [(line["step"], line["attempts"]) for line in shown["steps"]]


def test_user_customer_quota_and_account(three: ThreeContexts) -> None:
    stripe = three.open_provider()
    ada = Ada(three, three.start().current).signed_in()
    shown = ada.until_it_is("completed")
    assert steps(shown) == [("user", 1), ("customer", 1), ("quota", 1), ("payment-account", 1)]
    assert all(line["finishedAt"] and line["error"] is None for line in shown["steps"])
    (account,) = stripe.objects("customers")
    assert account["email"] == ada.email
    assert ada.of("deploy.quota")[1]["applications"]["limit"] == 5

    contexts_met_in = [fact["type"] for fact in three.facts() if not fact["type"].startswith(("user.logged", "email"))]
    assert contexts_met_in == [
        *("user.created", "customer.created", "quota.requested", "quota.granted"),
        *("payment-account.requested", "payment-account.changed", "registration.completed"),
    ]


def test_a_provider_that_is_down_is_asked_again_until_it_is_there(three: ThreeContexts) -> None:
    ada = Ada(three, three.start().current).signed_in()
    until(lambda: ada.registration()["steps"][-1].get("error"), 30, "for the first attempt to fail")
    shown = ada.registration()
    assert (shown["status"], shown["finishedAt"]) == ("payment-account", None)
    assert ada.of("deploy.quota")[1]["applications"]["limit"] == 5, "who waits for the provider can work"
    assert ada.of("billing.customer")[1]["plan"]["code"] == "free"

    stripe = three.open_provider()
    three.time_passes(ada)
    three.tick()
    shown = ada.until_it_is("completed")
    assert steps(shown)[-1] == ("payment-account", 2)
    assert len(stripe.objects("customers")) == 1
    assert three.count("dead_letters") == 0


def test_killed_between_the_provider_and_its_record_with_all_messages_lost_it_is_resumed_by_the_schedule(three: ThreeContexts) -> None:
    stripe = three.open_provider()
    three.start(ACCIDENT="billing.on_payment_account_requested/before-claim")
    ada = Ada(three, three.current)
    assert ada.register()[0] == 202
    until(lambda: three.current.process.poll() is not None, 30, "for the process to be killed")
    for pump in three.pumps:
        pump.stop()
    assert len(stripe.objects("customers")) == 1, "the provider has done its part"
    assert three.lose_everything() > 0

    three.start()
    ada.worker = three.current
    three.time_passes(ada)
    three.tick()
    until(lambda: three.count("registrations WHERE status = 'completed'") == 1, 30, "for the registration to be resumed")
    assert len(stripe.objects("customers")) == 1, "the same account, not a second one"
    assert three.rows("SELECT attempts FROM saga_steps WHERE step = 'payment-account'") == [(2,)]


def test_given_up_it_is_compensated_told_and_resumed_by_an_administrator(three: ThreeContexts) -> None:
    boss = Ada(three, three.start().current).signed_in()
    three.rows("UPDATE users SET roles = '{user,admin}' WHERE email = %s RETURNING 1", boss.email)
    boss.token = boss.login()[1]["accessToken"]
    ada = Ada(three, three.current).signed_in()
    until(lambda: ada.registration()["steps"][-1].get("error"), 30, "for the first attempt to fail")

    three.time_passes(ada, "deadline_at")
    three.tick()
    shown = ada.until_it_is("compensated")
    assert (shown["failedStep"], shown["reason"]) == ("payment-account", "timed-out")
    assert "works on the free plan" in shown["summary"]
    assert [line["step"] for line in shown["steps"]] == ["user", "customer", "quota", "payment-account", "compensating"]
    status, problem = ada.of("billing.subscribe", plan="pro", paymentMethod="pm_card_visa")
    assert (status, problem["type"]) == (409, "/problems/payment-account-missing")
    assert ada.of("deploy.quota")[1]["applications"]["limit"] == 5, "what she had she keeps"

    until(lambda: any("could not be completed" in mail and ada.email in mail for mail in three.mails(boss.email)), why="for the administrator's mail")
    status, page = boss.of("auth.registrations", status="compensated")
    assert (status, [each["email"] for each in page["registrations"]]) == (200, [ada.email])
    assert ada.of("auth.registrations")[0] == 403

    three.open_provider()
    assert boss.of("auth.resume_registration", userId=str(three.id_of(ada)))[0] == 202
    ada.until_it_is("completed")
    assert ada.of("billing.subscribe", plan="pro", paymentMethod="pm_card_visa")[0] == 202
