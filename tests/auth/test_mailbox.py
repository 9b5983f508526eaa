"""The mailbox of one machine: for administrators, and only where e-mails are files."""

from pathlib import Path

import pytest

from functions.auth.domain.mailbox import EmailNotFound, NoMailbox
from functions.auth.queries.mailbox import ListMailbox
from functions.auth.queries.mailbox_email import ShowMailboxEmail
from functions.kernel import Caller, Forbidden, new_id
from functions.runtime.email.maildir import MaildirTransport
from functions.runtime.email.message import Attachment, OutgoingEmail
from tests.auth.world import ADMIN, World
from tests.capsule import FixedClock


async def test_an_administrator_reads_what_was_sent(tmp_path: Path) -> None:
    transport = MaildirTransport(tmp_path / "mail", "Capsule <no-reply@capsule.test>", FixedClock())
    world = World({"CAPSULE_MAIL_URL": f"maildir://{tmp_path}/mail"})
    assert (await world.call(ListMailbox(), caller=ADMIN)).items == []
    attachment = Attachment("invoice.pdf", "application/pdf", b"%PDF")
    await transport.send(OutgoingEmail(new_id(), "ada@example.org", "Grüße", "a text", "<p>a <b>page</b></p>", (attachment,)))
    (tmp_path / "mail/new/linked").symlink_to("/etc/passwd")
    (listed,) = (await world.call(ListMailbox(), caller=ADMIN)).items
    assert (listed.to, listed.subject) == ("ada@example.org", "Grüße")
    email = await world.call(ShowMailboxEmail(email_id=listed.id), caller=ADMIN)
    assert (email.text.strip(), email.html.strip(), email.attachments) == ("a text", "<p>a <b>page</b></p>", ["invoice.pdf"])
    for id in ("missing", "../new/" + listed.id, "linked", "/etc/passwd"):
        with pytest.raises(EmailNotFound):
            await world.call(ShowMailboxEmail(email_id=id), caller=ADMIN)


async def test_nobody_else_reads_it(tmp_path: Path) -> None:
    world = World({"CAPSULE_MAIL_URL": f"maildir://{tmp_path}/mail"})
    for request in (ListMailbox(), ShowMailboxEmail(email_id="x")):
        with pytest.raises(Forbidden):
            await world.call(request, caller=Caller(new_id(), frozenset({"user"})))


async def test_an_installation_that_sends_has_none() -> None:
    world = World({"CAPSULE_MAIL_URL": "smtp://127.0.0.1"})
    with pytest.raises(NoMailbox):
        await world.call(ListMailbox(), caller=ADMIN)
