"""The local mailbox: a Maildir, where auth's mail adapter puts on one machine what it would send by SMTP elsewhere."""

import mailbox
import re
from email.message import Message

from knative.machine.home import Home

LINK = re.compile(r"https?://[^\s\"'<>]+[?&]token=([A-Za-z0-9._~-]+)")


def newest_to(home: Home, address: str, about: str = "") -> Message | None:
    """`about`: a word of its subject."""
    if not (home.mail / "new").exists():
        return None
    box = mailbox.Maildir(str(home.mail), create=False)
    mails = sorted(box.iteritems(), key=lambda item: str(item[0]), reverse=True)
    return next((mail for _, mail in mails if address in str(mail["To"]) and about in str(mail["Subject"])), None)


def token_in(mail: Message) -> str | None:
    """The token of the verification link."""
    found = _link(mail)
    return found[1] if found else None


def link_in(mail: Message) -> str | None:
    """The verification link."""
    found = _link(mail)
    return found[0] if found else None


def _link(mail: Message) -> re.Match[str] | None:
    """In any text part."""
    for part in mail.walk():
        if part.get_content_maintype() == "text":
            payload = part.get_payload(decode=True)
            found = LINK.search(payload.decode(errors="replace")) if isinstance(payload, bytes) else None
            if found:
                return found
    return None
