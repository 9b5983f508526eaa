"""Pages about e-mails: the mailbox of one machine, suppressed addresses, and the notice on the page of the account."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from functions.auth.ports import Suppressions
from functions.kernel import new_id
from functions.runtime.email.maildir import MaildirTransport
from functions.runtime.email.message import OutgoingEmail
from functions.wire.email_layout import Link, render
from functions.wire.email_suppression import Suppression, SuppressionReason
from tests.capsule import Capsule
from tests.dashboard.browser import ADDRESS, Browser, text_of
from tests.dashboard.furnished import BOB

EVIL = '<script>alert(1)</script><form action="https://evil.example"><input name="x"></form><img src="https://evil.example/pixel">'


@pytest.fixture
async def root(tmp_path: Path) -> Browser:
    capsule = Capsule(settings={"CAPSULE_MAIL_URL": f"maildir://{tmp_path}/mail"})
    root = await Browser(capsule).become_an_administrator("root@example.org")
    root.tokens.is_recent = True
    return root


async def test_the_mailbox_shows_html_in_a_sandbox_and_text_with_links(root: Browser, tmp_path: Path) -> None:
    transport = MaildirTransport(tmp_path / "mail", "Capsule <no-reply@capsule.test>", root.capsule.clock)
    content = render(["Hello <you>", Link("Verify", "https://capsule.example/verify?token=abc")])
    await transport.send(OutgoingEmail(new_id(), "ada@example.org", "Hällo", content.text, content.html + EVIL))
    (file,) = (tmp_path / "mail/new").iterdir()
    path = f"/operations/mailbox/{quote(file.name, safe='')}"
    listed = await root.open("/operations/mailbox")
    assert "Hällo" in text_of(listed) and "ada@example.org" in text_of(listed)
    page = await root.open(path)
    assert f'src="{path}/html"' in page.text and 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert '<a href="https://capsule.example/verify?token=abc"' in page.text and "<script>alert" not in page.text
    frame = await root.open(f"{path}/html")
    policy = frame.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-popups ") and "default-src 'none'" in policy and "form-action 'none'" in policy
    assert "allow-scripts" not in policy and "allow-same-origin" not in policy and frame.headers["x-frame-options"] == "SAMEORIGIN"
    assert '<base target="_blank"' in frame.text and "script-src" not in policy


async def test_the_mailbox_is_for_administrators_of_a_machine_that_has_one(root: Browser) -> None:
    bob = await Browser(root.capsule, tokens=root.tokens).become_a_user(BOB)
    for path in ("/operations/mailbox", "/operations/mailbox/x", "/operations/mailbox/x/html"):
        assert (await bob.open(path)).status_code == 403, path
    assert (await root.open("/operations/mailbox/missing")).status_code == 404
    sends = await Browser(Capsule(settings={"CAPSULE_MAIL_URL": "smtp://127.0.0.1"})).become_an_administrator("root@example.org")
    assert (await sends.open("/operations/mailbox")).status_code == 404


async def test_a_user_sees_that_the_address_bounced_and_receives_e_mails_again(root: Browser) -> None:
    ada = await Browser(root.capsule, tokens=root.tokens).become_a_user(ADDRESS)
    suppressions = root.capsule.port(Suppressions)
    await suppressions.suppress(Suppression(ADDRESS, SuppressionReason.BOUNCE, "550 5.1.1 <no> such user", root.capsule.clock.now()))
    assert "E-mails do not reach" in text_of(await ada.open("/account")) and "&lt;no&gt; such user" in (await ada.open("/account")).text
    root.capsule.clock.advance(minutes=1)
    assert (await ada.send("/account/email-suppression/end")).headers["location"] == "/account?done=suppression-lifted"
    assert "E-mails do not reach" not in text_of(await ada.open("/account"))


async def test_an_administrator_lists_and_lifts(root: Browser) -> None:
    at = root.capsule.clock.now() - timedelta(minutes=5)
    await root.capsule.port(Suppressions).suppress(Suppression("eve@example.org", SuppressionReason.COMPLAINT, "abuse", at))
    path = "/operations/email-suppressions"
    assert "eve@example.org" in text_of(await root.open(f"{path}?search=EVE")) and "eve@" not in text_of(await root.open(f"{path}?search=bob"))
    assert (await root.send(f"{path}/lifting", address="eve@example.org")).headers["location"] == f"{path}?done=suppression-lifted"
    assert "No address is suppressed" in text_of(await root.open(path))
    assert (await root.send(f"{path}/lifting", address="eve@example.org")).status_code == 404
