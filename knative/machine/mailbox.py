"""The local mailbox: a Maildir in the state folder. On one machine, the functions deliver e-mails there and send nothing by SMTP."""

import mailbox
import re
import time
from email.header import decode_header, make_header
from email.message import Message

from rich.console import Console

from knative.machine.home import Home
from knative.machine.problems import Problem

LINK = re.compile(r"https?://[^\s\"'<>]+[?&]token=([A-Za-z0-9._~-]+)")
DELIVERY_SECONDS = 20.0
"""How long `--link` waits for an e-mail that is on its way."""
HEADERS = ("From", "To", "Date", "Subject")


def print_newest(home: Home, console: Console, *, recipient: str = "", link_only: bool = False, timeout_seconds: float = 0) -> None:
    """`mail`: print the newest e-mail, or only the link with a token that it contains, to use in a command.

    Waits up to `timeout_seconds` for a first e-mail. Raises: Problem when there is none, or no link in it.
    """
    deadline = time.monotonic() + timeout_seconds
    while (message := find_newest(home, recipient)) is None and time.monotonic() < deadline:
        time.sleep(0.2)
    if message is None:
        to = f" to {recipient}" if recipient else ""
        raise Problem(f"No e-mail{to} in {home.mail}.", "Capsule writes one when somebody registers: capsule register --email you@example.com")
    if link_only:
        link = find_link(message)
        if link is None:
            raise Problem(f"The newest e-mail contains no link with a token: {header(message, 'Subject')!r}.", "./taskw mail prints it")
        print(link)
        return
    for name in HEADERS:
        console.print(f"{name + ':':<9}{header(message, name)}", markup=False, soft_wrap=True)
    console.print()
    console.print(plain_text(message).strip(), markup=False, soft_wrap=True)


def find_newest(home: Home, recipient: str = "", subject: str = "") -> Message | None:
    """The newest e-mail whose `To` contains `recipient` and whose subject contains `subject`; None if there is none."""
    if not (home.mail / "new").exists():
        return None
    box = mailbox.Maildir(str(home.mail), create=False)
    messages = sorted(box.iteritems(), key=lambda item: _delivered_at(item[0]), reverse=True)
    return next((each for _, each in messages if recipient in header(each, "To") and subject in header(each, "Subject")), None)


def find_link(message: Message) -> str | None:
    """The first link that carries a token, such as the one that confirms an address."""
    match = _find_link(message)
    return match[0] if match else None


def find_token(message: Message) -> str | None:
    """The token of that link."""
    match = _find_link(message)
    return match[1] if match else None


def header(message: Message, name: str) -> str:
    """A header's text, decoded (RFC 2047). Empty when it is missing."""
    return str(make_header(decode_header(str(message[name] or ""))))


def plain_text(message: Message) -> str:
    """The first text/plain part; empty when there is none."""
    return next((text for part, text in _texts(message) if part.get_content_type() == "text/plain"), "")


def _delivered_at(key: str) -> tuple[int, ...]:
    """Return seconds, microseconds, process and counter of a delivery from its key, `1700000000.M5P12Q3.host`.

    The numbers of Python's keys have no leading zeros, so they do not sort as text.
    """
    seconds, _, rest = key.partition(".")
    return (int(seconds), *map(int, re.findall(r"[MPQ](\d+)", rest.partition(".")[0])))


def _find_link(message: Message) -> re.Match[str] | None:
    return next((match for _, text in _texts(message) if (match := LINK.search(text))), None)


def _texts(message: Message) -> list[tuple[Message, str]]:
    """Every text part with its decoded content."""
    texts = []
    for part in message.walk():
        payload = part.get_payload(decode=True) if part.get_content_maintype() == "text" else None
        if isinstance(payload, bytes):
            texts.append((part, payload.decode(part.get_content_charset() or "utf-8", errors="replace")))
    return texts
