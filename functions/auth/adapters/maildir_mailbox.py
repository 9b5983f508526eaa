"""The Maildir that `CAPSULE_MAIL_URL` names, read back. Names come from the listing of its folders, never from a request's path."""

import asyncio
import email.policy
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from functions.auth.domain.mailbox import EmailNotFound, NoMailbox, ReceivedEmail
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import MAIL_URL
from functions.runtime.storage.external_call import external_call

MAX_EMAIL_BYTES = 10 << 20
FOLDERS = ("new", "cur")


class MaildirMailbox:
    def __init__(self, settings: Settings) -> None:
        parts = urlsplit(settings.value(MAIL_URL))
        self._path = Path(unquote(parts.path)) if parts.scheme == "maildir" else None

    @external_call
    async def list_newest(self, limit: int) -> Sequence[ReceivedEmail]:
        return await asyncio.to_thread(self._newest, limit)

    @external_call
    async def read(self, id: str) -> ReceivedEmail:
        return await asyncio.to_thread(self._read, id)

    def _newest(self, limit: int) -> list[ReceivedEmail]:
        found: list[ReceivedEmail] = []
        for file in sorted(self._files(), key=_modified_at, reverse=True):
            if len(found) == limit:
                break
            with suppress(FileNotFoundError, PermissionError):  # removed meanwhile; of another user, as former releases have left them
                found.append(_parse(file, is_whole=False))
        return found

    def _read(self, id: str) -> ReceivedEmail:
        file = next((file for file in self._files() if file.name == id), None)
        if file is None:
            raise EmailNotFound
        try:
            return _parse(file, is_whole=True)
        except (FileNotFoundError, PermissionError):
            raise EmailNotFound from None

    def _files(self) -> Iterator[Path]:
        if self._path is None:
            raise NoMailbox
        for folder in FOLDERS:
            for file in (self._path / folder).glob("*"):
                if file.is_file() and not file.is_symlink():
                    yield file


def _modified_at(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _parse(file: Path, *, is_whole: bool) -> ReceivedEmail:
    with file.open("rb") as content:
        parser = BytesParser(_class=EmailMessage, policy=email.policy.default)
        message = parser.parsebytes(content.read(MAX_EMAIL_BYTES), headersonly=not is_whole)
    assert isinstance(message, EmailMessage)
    at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    text, html = (_body(message, kind) if is_whole else "" for kind in ("plain", "html"))
    attachments = tuple(part.get_filename() or "unnamed" for part in message.iter_attachments()) if is_whole else ()
    return ReceivedEmail(file.name, str(message["To"] or ""), str(message["Subject"] or ""), at, text, html, attachments)


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part is not None else ""
