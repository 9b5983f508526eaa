"""E-mails into a Maildir: one machine and tests."""

import asyncio
import mailbox
from email.message import EmailMessage
from pathlib import Path

from functions.kernel import Clock, Transient
from functions.runtime.email.message import OutgoingEmail, build_message
from functions.runtime.storage.external_call import external_call


class MaildirTransport:
    def __init__(self, path: Path, sender: str, clock: Clock) -> None:
        self._path, self._sender, self._clock = path, sender, clock

    @external_call
    async def send(self, email: OutgoingEmail) -> None:
        message = build_message(email, self._sender, self._clock)
        try:
            await asyncio.to_thread(self._deliver, message)
        except OSError as error:
            raise Transient(f"cannot write to the mailbox {self._path}: {error}") from error

    def _deliver(self, message: EmailMessage) -> None:
        for folder in ("tmp", "new", "cur"):  # Maildir(create=True) does not create them in an existing, empty folder
            (self._path / folder).mkdir(parents=True, exist_ok=True)
        mailbox.Maildir(self._path, create=False).add(message)
