"""The local mailbox: a Maildir, where auth's mail adapter puts on one machine what it would send by SMTP elsewhere."""

import mailbox
import re
from email.message import Message

from knative.machine.home import Home

TOKEN = re.compile(r"[?&]token=([A-Za-z0-9._~-]+)")


def newest_to(home: Home, address: str) -> Message | None:
    if not (home.mail / "new").exists():
        return None
    box = mailbox.Maildir(str(home.mail), create=False)
    mails = sorted(box.iteritems(), key=lambda item: str(item[0]), reverse=True)
    return next((mail for _, mail in mails if address in str(mail["To"])), None)


def token_in(mail: Message) -> str | None:
    """The token of the verification link, from any text part."""
    for part in mail.walk():
        if part.get_content_maintype() == "text":
            payload = part.get_payload(decode=True)
            match = TOKEN.search(payload.decode(errors="replace")) if isinstance(payload, bytes) else None
            if match:
                return match[1]
    return None
