"""Invoices as PDF and billing's letters: what they say, to whom, and that the same invoice is printed the same for ever."""

import base64
import re
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from functions.billing.adapters.emails import EmailMailer
from functions.billing.adapters.pdf import PdfRenderer, shown
from functions.billing.domain import charges
from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import Invoice, Purpose
from functions.billing.domain.money import Money
from functions.billing.domain.payments import Payment, PaymentStatus, ProviderResult
from functions.billing.domain.periods import Period
from functions.kernel import new_id
from functions.runtime.config.settings import Settings
from functions.runtime.email.maildir import MaildirTransport
from tests.memory.billing import SEEDED

_, PRO, BUSINESS = SEEDED
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
JUNE = Period(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))


class Clock:
    def now(self) -> datetime:
        return NOW


def an_invoice(number: str | None = "2026-000042") -> Invoice:
    lines = charges.upgrade_lines(PRO, BUSINESS, JUNE, JUNE, NOW)
    invoice = Invoice.draft(Purpose.UPGRADE, new_id(), new_id(), BUSINESS, JUNE, lines, NOW)
    if number:
        invoice.issue(number, NOW)
    return invoice


def a_customer(email: str = "ada@example.org") -> Customer:
    return Customer.create(new_id(), email, NOW)


def text_of(pdf: bytes) -> str:
    """The strings that are drawn; reportlab writes its streams in ASCII 85 and compressed."""
    streams = [part.split(b"stream", 1)[1].strip() for part in pdf.split(b"endstream") if b"/FlateDecode" in part]
    drawn = b"".join(zlib.decompress(base64.a85decode(stream.removesuffix(b"~>"))) for stream in streams)
    strings = re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", drawn)
    plain = [re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), string) for string in strings]
    return b"\n".join(re.sub(rb"\\(.)", rb"\1", string) for string in plain).decode("windows-1252")


@pytest.mark.parametrize(("cents", "said"), [(0, "0.00 EUR"), (5, "0.05 EUR"), (-1033, "-10.33 EUR"), (123_456_789, "1,234,567.89 EUR")])
def test_amounts_are_written_with_their_currency(cents: int, said: str) -> None:
    assert shown(Money(cents, "EUR")) == said


async def test_an_invoice_says_what_for_how_much_from_whom_and_to_whom() -> None:
    printer = PdfRenderer(Settings({"CAPSULE_INVOICE_FROM": "Lovelace Hosting Ltd | 12 St James’s Square | London"}))
    pdf = await printer.invoice(an_invoice(), a_customer())
    assert pdf.startswith(b"%PDF-")
    text = text_of(pdf)
    for said in ("2026-000042", "15 June 2026", "ada@example.org", "Lovelace Hosting Ltd", "St James’s Square", "Unused time on the Pro plan"):
        assert said in text, said
    amounts = [shown(line.amount) for line in an_invoice().lines]
    assert amounts[0].startswith("-") and all(amount in text for amount in amounts) and f"Total {shown(an_invoice().total)}" in text


async def test_an_issued_invoice_is_printed_the_same_for_ever() -> None:
    invoice, customer, printer = an_invoice(), a_customer(), PdfRenderer(Settings({}))
    first = await printer.invoice(invoice, customer)
    invoice.paid(NOW + timedelta(days=3))
    assert await printer.invoice(invoice, customer) == first


async def test_letters_that_the_font_has_not_are_no_reason_to_fail() -> None:
    printer = PdfRenderer(Settings({}))
    text = text_of(await printer.invoice(an_invoice(), a_customer("žluťoučký@例え.jp")))
    assert "ž" in text and "?" in text


async def test_an_invoice_with_many_lines_goes_on_overleaf() -> None:
    invoice = an_invoice()
    invoice.lines = invoice.lines * 40
    pdf = await PdfRenderer(Settings({})).invoice(invoice, a_customer())
    assert pdf.count(b"/Type /Page\n") >= 2


class Post:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mailer = EmailMailer(
            MaildirTransport(folder, "Capsule <no-reply@capsule.test>", Clock()), Settings({"CAPSULE_PUBLIC_URL": "https://capsule.test/"})
        )

    def arrived(self) -> EmailMessage:
        (file,) = (self.folder / "new").glob("*")
        return message_from_bytes(file.read_bytes(), policy=policy.default)

    def text(self) -> str:
        body = self.arrived().get_body(("plain",))
        assert body is not None
        return str(body.get_content())


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path / "mail")


def a_failure(invoice: Invoice, retry_at: datetime | None) -> Payment:
    payment = Payment.create(invoice, "pm_1", NOW)
    payment.settle(ProviderResult(None, PaymentStatus.FAILED, failure_code="card_declined", failure_message="Your card was <declined>."), NOW)
    payment.retry_at = retry_at
    return payment


@pytest.mark.parametrize(("paid", "said"), [(True, "It is paid"), (False, "will be charged")])
async def test_an_invoice_is_mailed_with_its_pdf(post: Post, paid: bool, said: str) -> None:
    invoice = an_invoice()
    if paid:
        invoice.paid(NOW)
    await post.mailer.send_invoice(invoice, a_customer(), b"%PDF-1.3 bytes \xff")
    mail = post.arrived()
    assert (mail["To"], mail["Subject"]) == ("ada@example.org", "Invoice 2026-000042 from Capsule")
    assert mail["Message-ID"] == f"<{invoice.id}@capsule.test>"
    (attached,) = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type(), attached.get_content()) == (
        "invoice-2026-000042.pdf",
        "application/pdf",
        b"%PDF-1.3 bytes \xff",
    )
    assert said in post.text() and "GET https://capsule.test/v1/billing/invoices" in post.text()


async def test_a_declined_upgrade_says_that_nothing_has_changed(post: Post) -> None:
    invoice = an_invoice(number=None)
    await post.mailer.send_payment_failed(a_failure(invoice, None), invoice, a_customer())
    assert "the plan you asked for: Your card was <declined>." in post.text() and "Nothing has changed" in post.text()
    html = post.arrived().get_body(("html",))
    assert html is not None and "&lt;declined&gt;" in html.get_content()


async def test_a_declined_renewal_says_when_it_is_tried_again_and_how_to_pay_now(post: Post) -> None:
    invoice = an_invoice()
    await post.mailer.send_payment_failed(a_failure(invoice, NOW + timedelta(days=1)), invoice, a_customer())
    assert "invoice 2026-000042" in post.text() and "again on 16 June 2026" in post.text()
    assert f"POST https://capsule.test/v1/billing/invoices/{invoice.id}/payment" in post.text()


async def test_the_last_decline_says_that_the_plan_is_suspended(post: Post) -> None:
    invoice = an_invoice()
    await post.mailer.send_payment_failed(a_failure(invoice, None), invoice, replace(a_customer(), payment_method="pm_1"))
    assert "your plan is suspended" in post.text()
