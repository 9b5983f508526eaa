"""The letters of the auth context: what they say, in plain text and in simple HTML."""

import html
import json
from urllib.parse import quote
from uuid import UUID

from functions.auth.domain.registration import Registration
from functions.auth.domain.tokens import VERIFICATION_LIFETIME, OpaqueToken
from functions.runtime.config.settings import Settings
from functions.runtime.mail.delivery import Letter, Mail

DEFAULT_PUBLIC_URL = "http://127.0.0.1:3000"

PAGE = """<!doctype html>
<html lang="en"><body style="font:16px/1.5 system-ui,sans-serif;color:#1c1c1c;max-width:36em;margin:2em auto;padding:0 1em">
{body}
</body></html>
"""


class LetterMailer:
    """Writes the letters and hands them to the mail."""

    def __init__(self, mail: Mail, settings: Settings) -> None:
        self._mail = mail
        self._url = settings.text("CAPSULE_PUBLIC_URL", DEFAULT_PUBLIC_URL).rstrip("/")

    async def send_verification(self, intent: UUID, to: str, token: OpaqueToken) -> None:
        link = f"{self._url}/verify?token={quote(token.text)}"
        curl = f"curl -X POST {self._url}/v1/users/verify -H 'Content-Type: application/json' -d '{json.dumps({'token': token.text})}'"
        hours = round(VERIFICATION_LIFETIME.total_seconds() / 3600)
        text = (
            f"Welcome to Capsule.\n\nFollow this link to confirm that {to} is your address:\n\n{link}\n\n"
            f"Or from a terminal:\n\n{curl}\n\n"
            f"The link works once, for {hours} hours. If you did not register with Capsule, ignore this mail: do not follow the link.\n"
        )
        body = (
            f"<p>Welcome to Capsule.</p><p>Confirm that <b>{html.escape(to)}</b> is your address:</p>"
            f'<p><a href="{html.escape(link)}">Confirm this address</a></p>'
            f"<p>Or from a terminal:</p><pre style='white-space:pre-wrap'>{html.escape(curl)}</pre>"
            f"<p>The link works once, for {hours} hours. If you did not register with Capsule, ignore this mail: do not follow the link.</p>"
        )
        await self._mail.send(Letter(intent, to, "Confirm your address for Capsule", text, PAGE.format(body=body)))

    async def send_registration_repeated(self, intent: UUID, to: str, verified: bool) -> None:
        what_now = (
            "If it was you: you can sign in with the password you have."
            if verified
            else "If it was you: this address is not confirmed yet. Look for our earlier mail, or ask for another one; sign in with the password of "
            "your first registration after that. If you never registered before, do not follow any of those links."
        )
        lines = [
            f"Somebody tried to register with Capsule using {to}, which has an account already.",
            what_now,
            "If it was not you: nothing has changed, and nobody was told that you have an account.",
        ]
        body = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
        await self._mail.send(Letter(intent, to, "You have an account with Capsule already", "\n\n".join(lines) + "\n", PAGE.format(body=body)))

    async def send_registration_failed(self, intent: UUID, to: str, registration: Registration) -> None:
        curl = f"curl -X POST {self._url}/v1/auth/registrations/{registration.id}/resumption -H 'Authorization: Bearer ...'"
        lines = [
            f"The registration of {registration.email} (user {registration.id}) could not be completed.",
            f"Given up: {registration.given_up} ({registration.reason}).",
            registration.detail or "",
            f"The last error: {registration.last_error}" if registration.last_error else "",
            "The user can sign in and use the free plan. When what was in the way is mended, resume it:",
            curl,
            f"All that are not complete: GET {self._url}/v1/auth/registrations",
        ]
        body = "".join(f"<p>{html.escape(line)}</p>" for line in lines if line)
        subject = f"A registration with Capsule was given up at {registration.given_up}"
        await self._mail.send(Letter(intent, to, subject, "\n\n".join(line for line in lines if line) + "\n", PAGE.format(body=body)))
