"""A failed deployment and failing requests, on the real runtime, RabbitMQ and PostgreSQL: stored, mailed once, posted signed, acknowledged."""

import email
import email.policy
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks import Webhook

from functions.kernel import new_id
from functions.monitor.domain.notifications import signature
from tests.adapters.monitor_databases import monitor_database
from tests.monitor.platform import NOW, Platform, Story
from tests.runtime.harness import Worker, until


@pytest.fixture(scope="module")
def world(postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    monitor, folder = monitor_database(postgres, "native"), tmp_path_factory.mktemp("alerts")
    world = Platform(monitor.functions_url, monitor.owner_url, rabbitmq.vhost(), folder, billing=postgres.database("billing").functions_url)
    world.prepare()
    yield world
    world.close()


@pytest.fixture(scope="module")
def worker(world: Platform) -> Worker:
    worker = world.worker()
    world.pump(lambda: worker.port)
    return worker


class Receiver:
    """Where the owner's webhook points; refuses the first post."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.seen.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(503 if len(receiver.seen) == 1 else 204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Not into the tests' output."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def test_a_failed_deployment_and_failing_requests_reach_their_owner_once(world: Platform, worker: Worker, receiver: Receiver) -> None:
    story = Story(world, worker)
    ids = {"applicationId": story.application}
    story.registered()
    story.owned()
    status, hook = story.ask("monitor.create_alert_channel", **ids, url=receiver.url)
    assert status == "201" and hook["secret"].startswith("whsec_")
    assert len(story.ask("monitor.alert_rules", **ids)[1]["items"]) == 3

    deployment = new_id()
    facts = {**ids, "deploymentId": deployment, "userId": story.user, "environment": "staging", "at": NOW}
    story.happened("deployment.failed", **facts, reason="not-ready", detail="it never listened")
    story.happened("deployment.rolled-back", **facts, reason="not-ready", releaseId=new_id())
    story.served(40, status=500)
    firing = story.ask("monitor.alerts", state="firing")[1]["items"]
    assert {(alert["kind"], alert["environment"]) for alert in firing} == {("deployment-rolled-back", "staging"), ("error-rate", "staging")}
    assert firing[1]["correlationId"] == story.correlation and firing[1]["deploymentId"] == str(deployment)

    def deliveries() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = story.ask("monitor.alert_deliveries", **ids)[1]["items"]
        return found

    until(lambda: [each["state"] for each in deliveries()] == ["delivered", "delivered"], 40, "for mail and webhook")
    by_mail = next(each for each in deliveries() if each["channelId"] is None)
    by_hook = next(each for each in deliveries() if each["channelId"] == hook["id"])
    assert (by_mail["target"], by_mail["attempts"]) == ("ada@example.org", 1)
    assert by_hook["attempts"] == 2 and len(receiver.seen) == 2, "refused once, and once more under the same id"

    (mail,) = mails(world)
    assert mail["subject"] == "[Capsule alert] shop staging: deployment rolled back (and 1 more)"
    for headers, body in receiver.seen:
        signed = signature([hook["secret"]], UUID(headers["webhook-id"]), int(headers["webhook-timestamp"]), body)
        assert headers["webhook-signature"] == signed and headers["webhook-id"] == by_hook["id"]
        assert json.loads(body)["type"] == "alert.fired" and len(json.loads(body)["alerts"]) == 2

    assert story.ask("monitor.acknowledge_alert", alertId=firing[0]["id"])[0] == "200"
    assert Story(world, worker).ask("monitor.acknowledge_alert", alertId=firing[0]["id"])[0] == "404"
    story.served(2000)
    story.happened("deployment.succeeded", **{**facts, "deploymentId": new_id()}, releaseId=new_id(), url="http://shop.localhost")
    assert story.ask("monitor.alerts", state="firing")[1]["items"] == []
    assert len(story.ask("monitor.application_alerts", **ids, state="resolved")[1]["items"]) == 2
    markers = story.ask("monitor.metrics", **ids)[1]["markers"]
    assert [marker["kind"] for marker in markers] == ["deployment-failed", "deployment-rolled-back", "deployment-succeeded"]
    assert len(mails(world)) == 1 and world.count("dead_letters") == 0
    [(kept,)] = world.rows("SELECT secret FROM alert_channels WHERE id = %s", hook["id"])
    assert kept.startswith("sealed:") and hook["secret"] not in kept


def test_an_event_reaches_a_webhook_which_verifies_it_and_refuses_it_once(world: Platform, worker: Worker, receiver: Receiver) -> None:
    story = Story(world, worker)
    story.registered()
    story.owned()
    status, hook = story.ask("monitor.create_webhook", url=receiver.url, eventTypes=["deployment.succeeded"])
    assert status == "201", hook
    rotated = story.ask("monitor.rotate_webhook_secret", webhookId=hook["id"])[1]
    facts = {"deploymentId": new_id(), "applicationId": story.application, "userId": story.user, "environment": "staging", "at": NOW}
    story.happened("deployment.succeeded", **facts, releaseId=new_id(), url="http://shop.localhost")

    def deliveries() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = story.ask("monitor.webhook_deliveries", webhookId=hook["id"])[1]["items"]
        return found

    until(lambda: [each["state"] for each in deliveries()] == ["delivered"], 40, "for the retry after five seconds")
    (delivery,) = deliveries()
    assert (delivery["attempts"], delivery["response"], len(receiver.seen)) == (2, "204 No Content", 2)
    for headers, body in receiver.seen:
        for secret in (hook["secret"], rotated["secret"]):
            event = Webhook(secret).verify(body, headers)
        assert headers["webhook-id"] == delivery["id"] and event == delivery["payload"]
        assert (event["type"], event["data"]["url"]) == ("deployment.succeeded", "http://shop.localhost")
    assert Story(world, worker).ask("monitor.webhook_deliveries", webhookId=hook["id"])[0] == "404"
    [secrets] = world.rows("SELECT secret, previous_secret FROM webhooks WHERE id = %s", hook["id"])
    assert all(each.startswith("sealed:") for each in secrets) and world.count("dead_letters") == 0


def test_admins_see_the_platforms_own_functions_and_nobody_else_does(world: Platform, worker: Worker) -> None:
    story = Story(world, worker)
    story.registered()
    (line,) = [line for line in worker.lines() if line.get("correlation") == story.correlation and line["function"] == "billing.on_user_created"]
    story.wrote(json.dumps(line), namespace="capsule")
    story.wrote("a warning", namespace="capsule", **{"serving.knative.dev/service": "billing-on-user-created"})
    assert story.ask("monitor.function_metrics")[0] == "403" and story.ask("monitor.function_logs")[0] == "403"
    (tally,) = story.ask("monitor.function_metrics", role="admin", context="billing")[1]["functions"]
    assert (tally["function"], tally["executions"], tally["failed"]) == ("billing.on_user_created", 1, 0)
    status, page = story.ask("monitor.function_logs", role="admin", function="billing.on_user_created")
    assert status == "200" and [each["line"] for each in page["lines"]] == ["a warning"]


def mails(world: Platform) -> list[EmailMessage]:
    found = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in (world.folder / "mail" / "new").glob("*")]
    return [message for message in found if isinstance(message, EmailMessage)]


def test_dead_letters_reach_the_operators_and_are_over_when_somebody_has_dealt_with_them(world: Platform, worker: Worker) -> None:
    story, before = Story(world, worker), len(mails(world))
    causes = [{"function": "deploy.on_user_created", "error": "ValueError", "count": 12, "oldestAt": NOW}]
    story.happened("dead-letters.counted", context="deploy", open=12, oldestAt=NOW, causes=causes, at=NOW)
    firing = story.ask("monitor.alerts", "admin", state="firing")[1]["items"]
    assert [(each["application"], each["kind"], each["environment"]) for each in firing] == [("capsule", "dead-letters", "deploy.on_user_created")]
    assert story.ask("monitor.alerts", state="firing")[1]["items"] == []
    until(lambda: len(mails(world)) == before + 1, 20, "for the operators' mail")
    functions = story.ask("monitor.function_metrics", "admin")[1]["functions"]
    (one,) = [each for each in functions if each["function"] == "deploy.on_user_created"]
    assert (one["deadLetters"], one["deadLettersMax"]) == (12, 12) and one["oldestDeadLetterAt"] is not None
    story.happened("dead-letters.counted", context="deploy", open=0, oldestAt=NOW, causes=[], at=datetime.now(UTC))
    assert story.ask("monitor.alerts", "admin", state="firing")[1]["items"] == []
    assert world.count("dead_letters") == 0
