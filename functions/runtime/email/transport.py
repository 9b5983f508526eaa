"""Choice of the e-mail transport by `CAPSULE_MAIL_URL`.

    smtp://user:password@host:587      STARTTLS if the server offers it; credentials are never sent without TLS except to loopback
    smtps://user:password@host:465     TLS from the first byte
    ses://eu-west-1                    Amazon SES in that region; optionally ses://KEY:SECRET@eu-west-1, ?configuration-set=NAME, ?endpoint=URL
    maildir:///path/to/maildir

`?ca=/path/to/ca.pem` trusts a private certificate authority of an SMTP server. `CAPSULE_MAIL_FROM` is the sender.
"""

from collections.abc import Awaitable
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from functions.kernel import Clock
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import MAIL_FROM, MAIL_URL
from functions.runtime.email.message import OutgoingEmail
from functions.wire.settings import InvalidSetting


class EmailTransport(Protocol):
    def send(self, email: OutgoingEmail) -> Awaitable[None]:
        """Send an e-mail. Raises Transient if a retry may succeed, Permanent if this e-mail cannot be delivered, AddressRefused if none can."""
        ...


def email_transport(settings: Settings, clock: Clock, *, has_secrets: bool = False) -> EmailTransport:
    """Return the transport that `CAPSULE_MAIL_URL` names. `has_secrets`: other contexts must not read the e-mails that it leaves in files.

    Raises MissingSetting and InvalidSetting.
    """
    url, sender = settings.value(MAIL_URL), settings.value(MAIL_FROM)
    parts = urlsplit(url)
    # Imported when chosen: most functions of a context that sends e-mails send none, and a cold start should not pay for it.
    if parts.scheme == "maildir":
        from functions.runtime.email.maildir import OWN, SHARED, MaildirTransport

        return MaildirTransport(Path(unquote(parts.path)), sender, clock, OWN if has_secrets else SHARED)
    if parts.scheme == "ses":
        if find_spec("boto3") is None:
            raise InvalidSetting(f"{MAIL_URL.name} names Amazon SES, but boto3 is not installed. Install it: pip install 'capsule[ses]'")
        from functions.runtime.email.ses import SesTransport

        return SesTransport(url, sender, clock)
    from functions.runtime.email.smtp import SmtpTransport

    return SmtpTransport(url, sender, clock)
