"""E-mails of a Capsule that writes them into files, and addresses that get none."""

from datetime import timedelta
from pathlib import Path

from functions.auth.ports import Suppressions
from functions.kernel import new_id
from functions.runtime.email.maildir import MaildirTransport
from functions.runtime.email.message import OutgoingEmail
from functions.wire.email_layout import Link, render
from functions.wire.email_suppression import Suppression, SuppressionReason
from tests.dashboard.application import BrowserOfDeploy
from tests.dashboard.furnished import CYD, EVE

LINK = "https://capsule.example/verify?token=Zq1y8yEmbcT0rYx4nW2hJ7sVd5oKpA9uLgRf3iN6eBM"


async def furnish_emails(ada: BrowserOfDeploy, folder: Path) -> None:
    clock = ada.capsule.clock
    transport = MaildirTransport(folder, "Capsule <no-reply@capsule.example>", clock)
    for address, subject, line in (
        (EVE, "Verify your e-mail address", Link("Verify the address", LINK)),
        ("ada@example.org", "hello: deployment to staging failed", "requirements.txt: fastapi==0.999 does not exist. r1 is still serving."),
    ):
        content = render(["Hello,", line])
        await transport.send(OutgoingEmail(new_id(), address, subject, content.text, content.html))
    suppressions, at = ada.capsule.port(Suppressions), clock.now()
    await suppressions.suppress(Suppression(CYD, SuppressionReason.BOUNCE, "550 5.1.1 No such user", at - timedelta(minutes=5)))
    await suppressions.suppress(Suppression("eve@example.org", SuppressionReason.COMPLAINT, "abuse", at - timedelta(hours=3)))
