"""The mailbox of one machine: for administrators, and only where e-mails are files."""

from pathlib import Path

import pytest

from functions.auth.adapters import maildir_mailbox
from functions.auth.domain.mailbox import EmailNotFound, NoMailbox, ReceivedEmail
from functions.auth.queries.mailbox import ListMailbox
from functions.auth.queries.mailbox_email import ShowMailboxEmail
from functions.kernel import Caller, Forbidden, new_id
from functions.runtime.config.settings import Settings
from functions.runtime.email.maildir import MaildirTransport
from functions.runtime.email.message import Attachment, OutgoingEmail
from functions.runtime.email.transport import email_transport
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


@pytest.mark.parametrize(("has_secrets", "mode"), [(True, 0o600), (False, 0o640)])
async def test_the_mailbox_of_all_contexts_is_read_by_auth_and_its_own_e_mails_by_nobody_else(tmp_path: Path, has_secrets: bool, mode: int) -> None:
    settings = Settings({"CAPSULE_MAIL_URL": f"maildir://{tmp_path}/mail", "CAPSULE_MAIL_FROM": "no-reply@capsule.test"})
    await email_transport(settings, FixedClock(), has_secrets=has_secrets).send(
        OutgoingEmail(new_id(), "ada@example.org", "Hello", "a text", "<p>a text</p>")
    )
    (file,) = (tmp_path / "mail/new").iterdir()
    assert file.stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("error", [PermissionError, FileNotFoundError])
async def test_an_e_mail_that_cannot_be_read_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[OSError]) -> None:
    transport = MaildirTransport(tmp_path / "mail", "Capsule <no-reply@capsule.test>", FixedClock())
    world = World({"CAPSULE_MAIL_URL": f"maildir://{tmp_path}/mail"})
    for subject in ("One", "Two"):
        await transport.send(OutgoingEmail(new_id(), "ada@example.org", subject, "a text", "<p>a text</p>"))
    listed = (await world.call(ListMailbox(), caller=ADMIN)).items
    parse = maildir_mailbox._parse

    def refuse(file: Path, *, is_whole: bool) -> ReceivedEmail:
        if file.name == listed[0].id:
            raise error
        return parse(file, is_whole=is_whole)

    monkeypatch.setattr(maildir_mailbox, "_parse", refuse)
    assert [each.id for each in (await world.call(ListMailbox(), caller=ADMIN)).items] == [listed[1].id]
    with pytest.raises(EmailNotFound):
        await world.call(ShowMailboxEmail(email_id=listed[0].id), caller=ADMIN)


async def test_nobody_else_reads_it(tmp_path: Path) -> None:
    world = World({"CAPSULE_MAIL_URL": f"maildir://{tmp_path}/mail"})
    for request in (ListMailbox(), ShowMailboxEmail(email_id="x")):
        with pytest.raises(Forbidden):
            await world.call(request, caller=Caller(new_id(), frozenset({"user"})))


async def test_an_installation_that_sends_has_none() -> None:
    world = World({"CAPSULE_MAIL_URL": "smtp://127.0.0.1"})
    with pytest.raises(NoMailbox):
        await world.call(ListMailbox(), caller=ADMIN)
