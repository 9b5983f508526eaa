"""Webhooks against a real HTTP server, and letters in a real Maildir."""

import email
import email.policy
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import pytest
from aiohttp import web

from functions.kernel import Permanent, Transient, new_id
from functions.monitor.adapters.emails import EmailNotifier
from functions.monitor.adapters.webhooks import HttpWebhooks
from functions.monitor.domain.alerts import Alert, Notice
from functions.monitor.domain.applications import Application
from functions.monitor.domain.notifications import Notification, notification, signature
from functions.monitor.domain.rules import Rule, RuleKind
from functions.monitor.ports import WebhookGone
from functions.runtime.config.settings import Settings
from functions.runtime.email.transport import email_transport

NOW = datetime(2026, 5, 20, 10, 30, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Stopped:
    def now(self) -> datetime:
        return NOW


@dataclass
class Receiver:
    port: int = 0
    status: int = 204
    seen: list[tuple[web.BaseRequest, bytes]] = field(default_factory=list)

    async def take(self, request: web.BaseRequest) -> web.StreamResponse:
        self.seen.append((request, await request.read()))
        if self.status == 302:
            return web.Response(status=302, headers={"location": "/elsewhere"})
        return web.Response(status=self.status)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    runner = web.ServerRunner(web.Server(receiver.take))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.port = runner.addresses[0][1]
    yield receiver
    await runner.cleanup()


def webhooks(*listed: str) -> HttpWebhooks:
    return HttpWebhooks(Settings({"CAPSULE_WEBHOOK_HOSTS": ",".join(listed)}))


async def test_a_webhook_gets_what_it_can_verify(receiver: Receiver) -> None:
    delivery, body = new_id(), b'{"type":"alert.fired"}'
    url = f"http://localhost:{receiver.port}/hook?token=a%20b"
    assert await webhooks(f"localhost:{receiver.port}").post(url, [SECRET], delivery, body, NOW) == "204 No Content"
    ((request, received),) = receiver.seen
    assert received == body and request.path_qs == "/hook?token=a%20b" and request.host == f"localhost:{receiver.port}"
    assert request.headers["webhook-id"] == str(delivery) and request.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert request.headers["webhook-signature"] == signature([SECRET], delivery, int(NOW.timestamp()), received)
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "failure"), [(500, Transient), (503, Transient), (429, Transient), (400, Permanent), (410, WebhookGone), (302, Permanent)]
)
async def test_what_may_pass_is_told_apart_from_what_will_not(receiver: Receiver, status: int, failure: type[Exception]) -> None:
    receiver.status = status
    with pytest.raises(failure, match=str(status)):
        await webhooks("127.0.0.1").post(f"http://127.0.0.1:{receiver.port}/", [SECRET], new_id(), b"{}", NOW)
    assert len(receiver.seen) == 1, "redirects are not followed"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"])
async def test_nothing_of_the_platforms_own_network_is_reached(receiver: Receiver, host: str) -> None:
    with pytest.raises(Permanent, match="private address"):
        await webhooks("other.example", f"{host}:1").post(f"http://{host}:{receiver.port}/", [SECRET], new_id(), b"{}", NOW)
    assert receiver.seen == []


@pytest.mark.parametrize("host", ["10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "[fd00::1]", "224.0.0.1"])
async def test_no_private_address_is_called(host: str) -> None:
    with pytest.raises(Permanent, match="private address"):
        await webhooks().post(f"http://{host}/", [SECRET], new_id(), b"{}", NOW)


async def test_who_is_away_may_come_back(unused_tcp_port: int) -> None:
    with pytest.raises(Transient):
        await webhooks("127.0.0.1").post(f"http://127.0.0.1:{unused_tcp_port}/", [SECRET], new_id(), b"{}", NOW)
    with pytest.raises(Transient, match="cannot resolve"):
        await webhooks().post("http://nowhere.invalid/", [SECRET], new_id(), b"{}", NOW)


# --- e-mails


async def sent(folder: Path, content: Notification, intent: UUID) -> EmailMessage:
    settings = Settings({"CAPSULE_MAIL_URL": f"maildir://{folder}", "CAPSULE_PUBLIC_URL": "http://capsule.example/"})
    await EmailNotifier(email_transport(settings, Stopped()), settings).send(intent, "ada@example.org", content)
    (file,) = (folder / "new").iterdir()
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def alert(kind: RuleKind, summary: str, environment: str = "staging") -> Alert:
    rule = Rule(new_id(), UUID(int=10), kind, NOW)
    made, _ = Alert.of_deployment(rule, deployment_id=UUID(int=20), environment=environment, summary=summary, correlation_id="c1", at=NOW)
    return made


async def test_an_email_names_the_fault_and_the_next_commands(tmp_path: Path) -> None:
    application, intent = Application(UUID(int=10), UUID(int=1), "shop"), new_id()
    alerts = [
        alert(RuleKind.DEPLOYMENT_ROLLED_BACK, "rolled back: <script>not-ready</script>"),
        alert(RuleKind.ERROR_RATE, "60.0% of requests to staging failed"),
    ]
    message = await sent(tmp_path / "mail", notification(Notice.FIRING, application, alerts, NOW), intent)
    assert message["subject"] == "[Capsule alert] shop staging: deployment rolled back (and 1 more)"
    assert message["to"] == "ada@example.org" and str(intent) in message["message-id"]
    plain, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None and html is not None
    for fact in ("60.0% of requests", "since 2026-05-20 10:30:00 UTC", "capsule timeline c1", "capsule alerts list --app shop"):
        assert fact in plain.get_content() and fact in html.get_content()
    assert "<script>" in plain.get_content() and "<script>" not in html.get_content()


async def test_a_resolved_alert_is_mailed_and_a_line_break_adds_no_header(tmp_path: Path) -> None:
    over = alert(RuleKind.ERROR_RATE, "too many", environment="staging\r\nBcc: eve@example.org")
    over.resolve(NOW)
    application = Application(UUID(int=10), UUID(int=1), "shop")
    message = await sent(tmp_path / "mail", notification(Notice.RESOLVED, application, [over], NOW), new_id())
    assert message["subject"].startswith("[Capsule resolved] shop staging Bcc:") and message["bcc"] is None
    body = message.get_body(("plain",))
    assert body is not None and body.get_content().startswith("Resolved: shop: too many") and "resolved 2026-05-20 10:30:00 UTC" in body.get_content()
