"""Where e-mails go, tried by a connection without a message."""

import asyncio
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from functions.kernel import Permanent, Transient
from functions.runtime.config.clock import SystemClock
from functions.runtime.config.variables import MAIL_FROM, MAIL_URL
from functions.runtime.email.smtp import SmtpTransport
from knative.machine import keys
from knative.machine.cluster import Cluster, reachable
from knative.machine.doctor.finding import Finding, Level
from knative.machine.home import Home

DEFAULT_SENDER_DOMAIN = ".localhost"
REMEDY = f"{MAIL_FROM.name}='Name <you@your.domain>'"


def check(home: Home, _: datetime) -> Iterator[Finding]:
    settings = _settings(home)
    url, sender = settings.get(MAIL_URL.name, f"maildir://{home.mail}"), MAIL_FROM.read(settings)
    parts = urlsplit(url)
    if parts.scheme == "maildir":
        folder = Path(unquote(parts.path))
        yield decide_maildir(str(folder), is_writable=not folder.exists() or os.access(folder, os.W_OK))
        return
    if parts.scheme == "ses":
        yield decide_ses(parts.hostname or "", sender)
        return
    try:
        asyncio.run(SmtpTransport(url, sender, SystemClock()).check())
        refusal = ""
    except (Transient, Permanent) as error:
        refusal = str(error)
    yield decide_smtp(f"{parts.hostname}", sender, refusal)


def _settings(home: Home) -> dict[str, str]:
    """What functions have: of the Secret that `up` applied, else of the environment."""
    if reachable(home):
        secret = Cluster(home).get(keys.reference("auth-settings"))
        if secret is not None:
            return keys.decoded(secret.get("data") or {})
    return {name: value for name in (MAIL_URL.name, MAIL_FROM.name) if (value := home.environment.get(name))}


def decide_maildir(folder: str, *, is_writable: bool) -> Finding:
    if not is_writable:
        return Finding("mail", Level.FAULT, f"{folder} is not writable: e-mails cannot be delivered.", "./taskw up repairs its owner.")
    summary = f"e-mails are files in {folder}: nobody receives them (./taskw mail prints the newest)"
    return Finding("mail", Level.NOTE, summary, details=(f"{MAIL_URL.name}=smtp://user:password@host:587 sends them.",))


def decide_ses(region: str, sender: str) -> Finding:
    """Not tried: which calls its credentials allow is the account's policy, and sending is all that Capsule needs."""
    if not _is_deliverable(sender):
        return Finding("mail", Level.FAULT, f"Amazon SES refuses the sender {sender}.", REMEDY)
    return Finding("mail", Level.NOTE, f"Amazon SES in {region}, not tried; e-mails come from {sender}")


def _is_deliverable(sender: str) -> bool:
    return not sender.rstrip(">").endswith(DEFAULT_SENDER_DOMAIN)


def decide_smtp(host: str, sender: str, refusal: str) -> Finding:
    """`refusal`: why the server cannot be used; empty: it answered, and accepts the credentials."""
    if refusal:
        return Finding("mail", Level.FAULT, refusal, f"Correct {MAIL_URL.name}, then ./taskw up. Registrations wait for e-mails.")
    if not _is_deliverable(sender):
        return Finding("mail", Level.FAULT, f"{host} answers, but the sender is {sender}: receivers refuse it.", REMEDY)
    return Finding("mail", Level.GOOD, f"{host} answers; e-mails come from {sender}")
