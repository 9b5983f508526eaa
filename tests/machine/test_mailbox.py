"""`./taskw mail`: the newest e-mail of the local mailbox, or its link."""

import io
import mailbox as maildir
from email.message import EmailMessage
from pathlib import Path

import pytest
from rich.console import Console

from knative.machine import knative_process, mailbox
from knative.machine.home import Home, Ports
from knative.machine.problems import Problem

LINK = "http://127.0.0.1:3000/verify?token=cpv_1a2B-3c"


def deliver(home: Home, recipient: str, subject: str, text: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Capsule <capsule@example.com>", recipient, subject
    message.set_content(text)
    message.add_alternative(f"<p>{text}</p>", subtype="html")
    maildir.Maildir(str(home.mail)).add(message)


def printed(home: Home, recipient: str = "") -> str:
    output = io.StringIO()
    mailbox.print_newest(home, Console(file=output, width=80), recipient=recipient)
    return output.getvalue()


def test_the_newest_email_is_printed_as_text(tmp_path: Path) -> None:
    home = Home(tmp_path)
    deliver(home, "ada@example.com", "Confirm your address for Capsule", f"Follow this link: {LINK}")
    deliver(home, "bob@example.com", "Zahlung bestätigt", "12,00 €")
    assert "Subject: Zahlung bestätigt" in printed(home) and "12,00 €" in printed(home)
    assert "<p>" not in printed(home)
    assert f"Follow this link: {LINK}" in printed(home, "ada@example.com")


def test_emails_of_one_second_are_in_the_order_of_their_delivery(tmp_path: Path) -> None:
    home = Home(tmp_path)
    deliver(home, "ada@example.com", "First", "1")
    (first,) = (home.mail / "new").iterdir()
    deliver(home, "ada@example.com", "Second", "2")
    (second,) = set((home.mail / "new").iterdir()) - {first}
    first.rename(first.with_name("1700000000.M99999P1Q9.host"))
    second.rename(second.with_name("1700000000.M100000P1Q10.host"))
    assert "Subject: Second" in printed(home)


def test_only_the_link_is_printed_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    deliver(home, "ada@example.com", "Confirm your address for Capsule", f"Follow this link: {LINK}")
    mailbox.print_newest(home, Console(), link_only=True)
    assert capsys.readouterr().out == f"{LINK}\n"


def test_an_empty_mailbox_and_an_email_without_a_link_are_reported(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(Problem, match="No e-mail"):
        printed(home)
    deliver(home, "ada@example.com", "Invoice 2026-000001", "Thank you.")
    with pytest.raises(Problem, match=r"No e-mail to bob@example\.com"):
        printed(home, "bob@example.com")
    with pytest.raises(Problem, match="no link"):
        mailbox.print_newest(home, Console(), link_only=True)


def test_the_maildir_is_there_before_knative_gives_it_to_the_functions(tmp_path: Path) -> None:
    home = Home(tmp_path, Ports(0), {})
    knative_process._create_shared_folders(home)
    assert {path.name for path in home.mail.iterdir()} == {"cur", "new", "tmp"}
