"""E-mails into a Maildir: one machine and tests."""

import asyncio
import mailbox
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

from functions.kernel import Clock, Transient
from functions.runtime.email.message import OutgoingEmail, build_message
from functions.runtime.storage.external_call import external_call

OWN, SHARED = 0o600, 0o640


class MaildirTransport:
    """`mode`: of the files. Each context has a user of its own, and all have the Maildir's group: auth shows the mailbox, and its own e-mails have
    links that sign somebody in."""

    def __init__(self, path: Path, sender: str, clock: Clock, mode: int = OWN) -> None:
        self._path, self._sender, self._clock, self._mode = path, sender, clock, mode

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
        name = mailbox.Maildir(self._path, create=False).add(message)
        with suppress(FileNotFoundError):  # a reader has taken it
            (self._path / "new" / name).chmod(self._mode)
