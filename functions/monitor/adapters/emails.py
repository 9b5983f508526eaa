"""E-mails about alerts, in plain text and HTML: to owners about their applications, to operators about the platform."""

from uuid import UUID

from functions.monitor.domain.applications import PLATFORM
from functions.monitor.domain.notifications import Notification, NotifiedAlert
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import PUBLIC_URL
from functions.runtime.email.message import OutgoingEmail
from functions.runtime.email.transport import EmailTransport
from functions.wire.email_layout import Block, Command, Lines, render

TITLES = {
    "deployment-failed": "deployment failed",
    "deployment-rolled-back": "deployment rolled back",
    "scheduled-run-failed": "scheduled run failed",
    "backup-failed": "backup failed",
    "certificate-failed": "certificate not renewed",
    "error-rate": "error rate over threshold",
    "latency": "latency over threshold",
    "dead-letters": "too many dead letters",
    "dead-letter-age": "dead letter too old",
    "events-given-up": "events skipped",
}


class EmailNotifier:
    def __init__(self, transport: EmailTransport, settings: Settings) -> None:
        self._transport = transport
        self._url = settings.value(PUBLIC_URL).rstrip("/")

    async def send(self, intent: UUID, to: str, content: Notification) -> None:
        await self._transport.send(OutgoingEmail(intent, to, _subject(content), *render(self._blocks(content))))

    def _blocks(self, content: Notification) -> list[Block]:
        blocks: list[Block] = []
        for alert in content.alerts:
            blocks.append(_headline(content, alert))
            if facts := _facts(alert):
                blocks.append(Lines(tuple(facts)))
        return [*blocks, "Next:", *map(Command, self._commands(content)), f"API: {self._url}"]

    def _commands(self, content: Notification) -> list[str]:
        """CLI commands, one per line; for operators also the URLs of dead letters, which the CLI does not show."""
        if content.application_id == PLATFORM.id:
            contexts = sorted({alert.environment.partition(".")[0] for alert in content.alerts})
            return ["capsule alerts list", *(f"GET {self._url}/v1/operations/{context}/dead-letters" for context in contexts)]
        name = content.application
        timelines = sorted({f"capsule timeline {alert.correlation_id}" for alert in content.alerts if alert.correlation_id})
        return [f"capsule alerts list --app {name}", f"capsule logs --app {name}", f"capsule metrics --app {name}", *timelines]


def _subject(content: Notification) -> str:
    first = content.alerts[0]
    title = f"{content.application} {first.environment}: {TITLES.get(first.kind, first.kind)}"
    more = f" (and {len(content.alerts) - 1} more)" if len(content.alerts) > 1 else ""
    state = "resolved" if content.type == "alert.resolved" else "alert"
    return " ".join(f"[Capsule {state}] {title}{more}".split())  # a header is one line


def _headline(content: Notification, alert: NotifiedAlert) -> str:
    resolved = "Resolved: " if content.type == "alert.resolved" else ""
    subject = "Capsule" if content.application_id == PLATFORM.id else content.application
    return f"{resolved}{subject}: {alert.summary}"


def _facts(alert: NotifiedAlert) -> list[str]:
    facts = []
    if alert.fired_at is not None:
        facts.append(f"since {alert.fired_at:%Y-%m-%d %H:%M:%S} UTC")
    if alert.resolved_at is not None:
        facts.append(f"resolved {alert.resolved_at:%Y-%m-%d %H:%M:%S} UTC")
    if alert.deployment_id is not None:
        facts.append(f"deployment {alert.deployment_id}")
    return facts
