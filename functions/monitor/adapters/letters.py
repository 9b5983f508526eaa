"""The letters of the monitor context, in plain text and in simple HTML: an application's owner is told what is wrong with it, or that it is over; and
the operators, what is wrong with the platform."""

import html
from uuid import UUID

from functions.monitor.domain.applications import PLATFORM
from functions.monitor.domain.notifications import Notification, NotifiedAlert
from functions.runtime.config.settings import Settings
from functions.runtime.mail.delivery import Letter, Mail

DEFAULT_PUBLIC_URL = "http://127.0.0.1:3000"
TITLES = {
    "deployment-failed": "deployment failed",
    "deployment-rolled-back": "deployment rolled back",
    "error-rate": "too many errors",
    "latency": "too slow",
    "dead-letters": "dead letters wait",
    "dead-letter-age": "a dead letter has waited too long",
    "events-given-up": "events were given up",
}
PAGE = """<!doctype html>
<html lang="en"><body style="font:16px/1.5 system-ui,sans-serif;color:#1c1c1c;max-width:36em;margin:2em auto;padding:0 1em">
{body}
</body></html>
"""


class LetterMailer:
    def __init__(self, mail: Mail, settings: Settings) -> None:
        self._mail = mail
        self._url = settings.text("CAPSULE_PUBLIC_URL", DEFAULT_PUBLIC_URL).rstrip("/")

    async def send(self, intent: UUID, to: str, content: Notification) -> None:
        await self._mail.send(Letter(intent, to, _subject(content), self._text(content), self._html(content)))

    def _text(self, content: Notification) -> str:
        parts = [_opening(content), *("\n".join(f"  {line}" for line in _lines(alert)) for alert in content.alerts), self._closing(content)]
        return "\n\n".join(parts) + "\n"

    def _html(self, content: Notification) -> str:
        parts = [f"<p>{html.escape(_opening(content))}</p>"]
        parts += ["<p>" + "<br>".join(html.escape(line) for line in _lines(alert)) + "</p>" for alert in content.alerts]
        parts.append(f"<p>{html.escape(self._closing(content))}</p>")
        return PAGE.format(body="".join(parts))

    def _closing(self, content: Notification) -> str:
        base = f"{self._url}/v1/apps/{content.application_id}"
        if content.application_id == PLATFORM.id:
            contexts = sorted({alert.environment.partition(".")[0] for alert in content.alerts})
            letters = "   ".join(f"{self._url}/v1/operations/{context}/dead-letters" for context in contexts)
            return f"Dead letters: {letters}   Alerts: {base}/alerts   What you are told of: {base}/alert-rules"
        return f"Alerts: {base}/alerts   Figures: {base}/metrics   Logs: {base}/logs   What you are told of: {base}/alert-rules"


def _subject(content: Notification) -> str:
    first = content.alerts[0]
    said = f"{content.application} {first.environment}: {TITLES.get(first.kind, first.kind)}"
    more = f" (and {len(content.alerts) - 1} more)" if len(content.alerts) > 1 else ""
    state = "resolved" if content.type == "alert.resolved" else "alert"
    return " ".join(f"[Capsule {state}] {said}{more}".split())  # a header is one line


def _opening(content: Notification) -> str:
    if content.application_id == PLATFORM.id:
        return "What was wrong with Capsule itself is over." if content.type == "alert.resolved" else "Something is wrong with Capsule itself."
    if content.type == "alert.resolved":
        return f"What was wrong with your application {content.application} is over."
    return f"Something is wrong with your application {content.application}."


def _lines(alert: NotifiedAlert) -> list[str]:
    lines = [f"{TITLES.get(alert.kind, alert.kind)} ({alert.environment})", alert.summary]
    if alert.fired_at is not None:
        lines.append(f"since {alert.fired_at:%Y-%m-%d %H:%M:%S} UTC")
    if alert.resolved_at is not None:
        lines.append(f"over at {alert.resolved_at:%Y-%m-%d %H:%M:%S} UTC")
    if alert.deployment_id is not None:
        lines.append(f"deployment {alert.deployment_id}")
    if alert.correlation_id is not None:
        lines.append(f"what happened, step by step: /v1/timeline/{alert.correlation_id}")
    return lines
