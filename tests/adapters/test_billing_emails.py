"""Invoices as PDF, and billing's e-mails."""

import base64
import re
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from fractions import Fraction
from pathlib import Path

import pytest

from functions.billing.adapters.emails import EmailMailer
from functions.billing.adapters.pdf import PdfCreditNoteRenderer, PdfRenderer
from functions.billing.domain import charges
from functions.billing.domain.billing_details import BillingDetails
from functions.billing.domain.credit_notes import CreditNote, RefundStatus
from functions.billing.domain.customers import Customer
from functions.billing.domain.disputes import Dispute, DisputeStatus
from functions.billing.domain.invoices import Invoice, InvoiceLine, LineKind, Purpose
from functions.billing.domain.money import Money
from functions.billing.domain.parties import Parties, Seller
from functions.billing.domain.payments import Payment, PaymentStatus, ProviderResult
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Meter
from functions.billing.wiring import seller
from functions.kernel import new_id
from functions.runtime.config.settings import Settings
from functions.runtime.email.maildir import MaildirTransport
from tests.capsule import FixedClock
from tests.memory.billing import SEEDED

_, PRO, BUSINESS = SEEDED
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
JUNE = Period(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
OPERATOR = "operator@capsule.test"
SELLER = "Lovelace Hosting Ltd | 12 St James’s Square | London"


def new_invoice(number: str | None = "2026-000042", parties: Parties | None = None) -> Invoice:
    """Without `parties`: of a former version, rendered with the present settings."""
    lines = charges.upgrade_lines(PRO, BUSINESS, JUNE, JUNE, NOW)
    invoice = Invoice.draft(Purpose.UPGRADE, new_id(), new_id(), BUSINESS, JUNE, lines, NOW)
    if number:
        invoice.issue(number, new_customer(), Seller(), NOW)
        invoice.parties = parties
    return invoice


def new_customer(email: str = "ada@example.org") -> Customer:
    return Customer(new_id(), new_id(), email, NOW)


def renderer(**variables: str) -> PdfRenderer:
    return PdfRenderer(seller(Settings({"CAPSULE_INVOICE_FROM": SELLER, **variables})))


def text_of(pdf: bytes) -> str:
    """The strings that are drawn; reportlab writes its streams in ASCII 85 and compressed."""
    streams = [part.split(b"stream", 1)[1].strip() for part in pdf.split(b"endstream") if b"/FlateDecode" in part]
    drawn = b"".join(zlib.decompress(base64.a85decode(stream.removesuffix(b"~>"))) for stream in streams)
    strings = re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", drawn)
    plain = [re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), string) for string in strings]
    return b"\n".join(re.sub(rb"\\(.)", rb"\1", string) for string in plain).decode("windows-1252")


async def test_an_invoice_has_seller_buyer_number_date_service_lines_and_total() -> None:
    invoice, customer = new_invoice(), new_customer()
    pdf = await renderer().render_pdf(invoice, [], customer)
    assert pdf.startswith(b"%PDF-")
    text = text_of(pdf)
    for part in (
        *("Lovelace Hosting Ltd", "12 St James’s Square", "London", "ada@example.org", str(customer.id)),
        *("2026-000042", "15 June 2026", "Application hosting, business plan", "Unused time on the Pro plan"),
    ):
        assert part in text, part
    amounts = [str(line.amount) for line in invoice.lines]
    assert amounts[0].startswith("-") and all(amount in text for amount in amounts) and f"Total\n{invoice.total}" in text


async def test_periods_end_with_their_last_day() -> None:
    text = text_of(await renderer().render_pdf(new_invoice(), [], new_customer()))
    assert "1 June 2026 – 30 June 2026" in text and "15 Jun – 30 Jun 2026" in text
    assert "July" not in text and "Jul " not in text


async def test_the_payment_state_is_shown() -> None:
    invoice, customer = new_invoice(), new_customer()
    assert "Due now, charged to your card" in text_of(await renderer().render_pdf(invoice, [], customer))
    invoice.mark_paid(NOW + timedelta(days=3))
    assert "Paid on 18 June 2026 by card" in text_of(await renderer().render_pdf(invoice, [], customer))
    void = new_invoice()
    void.void(NOW)
    assert "Void, no payment due" in text_of(await renderer().render_pdf(void, [], customer))


async def test_vat_is_included_in_the_total_and_shown_with_the_sellers_id() -> None:
    invoice = new_invoice()
    invoice.total = Money(11_900, "EUR")
    text = text_of(await renderer(CAPSULE_INVOICE_VAT_PERCENT="19", CAPSULE_INVOICE_VAT_ID="DE123456789").render_pdf(invoice, [], new_customer()))
    assert "VAT ID DE123456789" in text
    assert "Net amount\n100.00 EUR\nVAT 19 % of 100.00 EUR\n19.00 EUR\nTotal\n119.00 EUR" in text


async def test_without_a_vat_rate_the_invoice_says_why() -> None:
    assert "No VAT is charged." in text_of(await renderer().render_pdf(new_invoice(), [], new_customer()))
    note = "VAT exempt, § 19 UStG."
    assert note in text_of(await renderer(CAPSULE_INVOICE_VAT_NOTE=note).render_pdf(new_invoice(), [], new_customer()))


async def test_an_invoice_in_the_same_state_renders_to_the_same_bytes() -> None:
    invoice, customer = new_invoice(), new_customer()
    assert await renderer().render_pdf(invoice, [], customer) == await renderer().render_pdf(invoice, [], customer)
    invoice.mark_paid(NOW + timedelta(days=3))
    assert await renderer().render_pdf(invoice, [], customer) == await renderer().render_pdf(invoice, [], customer)


async def test_an_invoice_states_the_parties_of_its_day_and_reverse_charge() -> None:
    buyer = BillingDetails.parse("Babbage SA", ["1 rue X", "75001 Paris"], "FR", "FR83404833048")
    parties = seller(Settings({"CAPSULE_INVOICE_FROM": SELLER, "CAPSULE_INVOICE_VAT_PERCENT": "19", "CAPSULE_INVOICE_VAT_ID": "DE1"})).parties(buyer)
    text = text_of(await renderer(CAPSULE_INVOICE_FROM="Renamed AG").render_pdf(new_invoice(parties=parties), [], new_customer()))
    for part in ("Lovelace Hosting Ltd", "Babbage SA", "1 rue X", "75001 Paris", "FR", "VAT ID FR83404833048", "Reverse charge", "Article 196"):
        assert part in text, part
    assert "Renamed AG" not in text and "VAT 19" not in text and "Simplified invoice" not in text
    assert "Simplified invoice" in text_of(await renderer().render_pdf(new_invoice(), [], new_customer()))


async def test_usage_has_a_quantity_with_unit_and_a_net_unit_price() -> None:
    invoice = new_invoice(parties=Seller(vat_percent=Fraction(19)).parties(None))
    usage = (
        InvoiceLine(LineKind.USAGE, "Requests", 3_000_000, Money(357, "EUR"), JUNE, Meter.REQUESTS),
        InvoiceLine(LineKind.USAGE, "CPU time", 36_000_000, Money(119, "EUR"), JUNE, Meter.CPU_MILLISECONDS),
    )
    invoice.lines, invoice.total = usage, Money(476, "EUR")
    text = text_of(await renderer().render_pdf(invoice, [], new_customer()))
    assert "3.000 M requests\n1.0000 EUR\n3.00 EUR" in text and "10.000 CPU hours\n0.1000 EUR\n1.00 EUR" in text
    assert "Net amount\n4.00 EUR\nVAT 19 % of 4.00 EUR\n0.76 EUR\nTotal\n4.76 EUR" in text


async def test_names_of_the_whole_union_are_written_with_an_embedded_font() -> None:
    details = [BillingDetails.parse(name, ["x"], "PL", None) for name in ("Zo\u00eb", "\u0141ukasz")]
    plain, embedded = [await renderer().render_pdf(new_invoice(parties=Seller().parties(each)), [], new_customer()) for each in details]
    assert b"DejaVuSans" in embedded and b"DejaVuSans" not in plain


async def test_an_invoice_with_many_lines_continues_on_a_new_page() -> None:
    invoice = new_invoice()
    invoice.lines = invoice.lines * 20
    text = text_of(await renderer().render_pdf(invoice, [], new_customer()))
    pages = text.count("Amount, net")
    assert pages >= 2 and f"Page {pages} of {pages}" in text


class Mailbox:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        transport = MaildirTransport(folder, "Capsule <no-reply@capsule.test>", FixedClock(NOW))
        self.mailer = EmailMailer(transport, Settings({"CAPSULE_OPERATORS": f" {OPERATOR}, "}))

    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in (self.folder / "new").glob("*")]

    def message(self) -> EmailMessage:
        """The only message to a customer."""
        (message,) = (each for each in self.messages() if each["To"] != OPERATOR)
        return message

    def operator_subjects(self) -> list[str]:
        return [str(each["Subject"]) for each in self.messages() if each["To"] == OPERATOR]

    def lines(self) -> list[str]:
        """The lines of the plain text, without indentation."""
        body = self.message().get_body(("plain",))
        assert body is not None
        text = str(body.get_content())
        assert "POST " not in text and "GET " not in text, "customers use the CLI, not the API"
        return [line.strip() for line in text.splitlines()]

    def html(self) -> str:
        body = self.message().get_body(("html",))
        assert body is not None
        return str(body.get_content())


@pytest.fixture
def box(tmp_path: Path) -> Mailbox:
    return Mailbox(tmp_path / "mail")


def failed_payment(invoice: Invoice, retry_at: datetime | None) -> Payment:
    payment, _ = Payment.create(invoice, "pm_1", NOW)
    payment.settle(ProviderResult(None, PaymentStatus.FAILED, failure_code="card_declined", failure_message="Your card was <declined>."), NOW)
    payment.retry_at = retry_at
    return payment


@pytest.mark.parametrize(("is_paid", "sentence"), [(True, "It is paid."), (False, "Your card is charged automatically.")])
async def test_an_issued_invoice_is_emailed_with_its_pdf(box: Mailbox, is_paid: bool, sentence: str) -> None:
    invoice = new_invoice()
    if is_paid:
        invoice.mark_paid(NOW)
    await box.mailer.send_invoice(invoice, new_customer(), b"%PDF-1.3 bytes \xff")
    message = box.message()
    assert (message["To"], message["Subject"]) == ("ada@example.org", "Capsule invoice 2026-000042")
    assert message["Message-ID"] == f"<{invoice.id}@capsule.test>"
    (attachment,) = message.iter_attachments()
    assert (attachment.get_filename(), attachment.get_content_type(), attachment.get_content()) == (
        "invoice-2026-000042.pdf",
        "application/pdf",
        b"%PDF-1.3 bytes \xff",
    )
    assert f"{sentence} You do not need to do anything." in box.lines()
    assert "capsule invoices show 2026-000042" in box.lines() and "capsule invoices list" in box.lines()


async def test_a_declined_upgrade_leaves_the_plan_and_can_be_repeated(box: Mailbox) -> None:
    invoice = new_invoice(number=None)
    await box.mailer.send_payment_failed(failed_payment(invoice, None), invoice, new_customer())
    assert box.message()["Subject"] == "Capsule payment of 41.34 EUR was declined"
    assert "Your payment of 41.34 EUR for the business plan was declined: Your card was <declined>." in box.lines()
    assert "Your current plan has not changed. To try again with another card:" in box.lines()
    assert "capsule subscription change business --payment-method PAYMENT_METHOD" in box.lines()
    assert "&lt;declined&gt;" in box.html()


async def test_a_declined_renewal_names_the_next_attempt_and_the_command_to_pay(box: Mailbox) -> None:
    invoice = new_invoice()
    await box.mailer.send_payment_failed(failed_payment(invoice, NOW + timedelta(days=1)), invoice, new_customer())
    assert "for invoice 2026-000042 was declined" in " ".join(box.lines())
    assert "The next attempt is on 16 June 2026. To pay now:" in box.lines()
    assert "capsule invoices pay 2026-000042" in box.lines()
    assert "capsule invoices pay 2026-000042 --payment-method PAYMENT_METHOD" in box.lines()


async def test_the_last_declined_attempt_suspends_the_plan(box: Mailbox) -> None:
    invoice = new_invoice()
    await box.mailer.send_payment_failed(failed_payment(invoice, None), invoice, replace(new_customer(), payment_method="pm_1"))
    assert "This was the last attempt. Your plan is suspended until the invoice is paid:" in box.lines()
    assert "capsule invoices pay 2026-000042" in box.lines()


async def test_a_final_and_a_void_invoice_say_what_is_owed(box: Mailbox) -> None:
    final = replace(new_invoice(), purpose=Purpose.FINAL)
    await box.mailer.send_invoice(final, new_customer(), b"%PDF")
    assert any("It is not charged automatically" in line for line in box.lines())
    for file in (box.folder / "new").glob("*"):
        file.unlink()
    await box.mailer.send_invoice_voided(new_invoice(), "The plan ended before it was paid for.", new_customer())
    assert box.message()["Subject"] == "Capsule invoice 2026-000042 is void"
    assert any("you do not owe it. The plan ended before it was paid for." in line for line in box.lines())


def new_note(status: RefundStatus) -> CreditNote:
    failure = "The account is closed." if status is RefundStatus.FAILED else None
    return CreditNote(new_id(), new_id(), new_id(), "CN-2026-000007", Money(500, "EUR"), "Downtime", NOW, status, "re_1", failure, NOW)


async def test_a_credit_note_is_emailed_and_a_failed_refund_is_told_to_the_operator(box: Mailbox) -> None:
    await box.mailer.send_credit_note(new_note(RefundStatus.SUCCEEDED), new_invoice(), new_customer(), b"%PDF")
    assert box.message()["Subject"] == "Capsule credit note CN-2026-000007" and box.operator_subjects() == []
    (attachment,) = box.message().iter_attachments()
    assert attachment.get_filename() == "credit-note-CN-2026-000007.pdf"
    for file in (box.folder / "new").glob("*"):
        file.unlink()
    await box.mailer.send_credit_note(new_note(RefundStatus.FAILED), new_invoice(), new_customer(), b"%PDF")
    assert any("The refund to your card failed: The account is closed." in line for line in box.lines())
    assert box.operator_subjects() == ["The refund of 5.00 EUR to ada@example.org failed"]


@pytest.mark.parametrize("status", list(DisputeStatus))
async def test_a_dispute_is_told_to_the_customer_and_the_operator(box: Mailbox, status: DisputeStatus) -> None:
    dispute = Dispute(new_id(), "dp_1", new_id(), new_id(), new_id(), Money(2000, "EUR"), "fraudulent", status, NOW)
    await box.mailer.send_dispute(dispute, new_invoice(), new_customer())
    assert "dispute" in str(box.message()["Subject"]) or "disputed" in str(box.message()["Subject"])
    assert box.operator_subjects() == [f"Dispute of 20.00 EUR by ada@example.org is {status}"]


async def test_a_credit_note_has_its_own_pdf_and_is_marked_on_the_invoice() -> None:
    invoice, note, own = new_invoice(), new_note(RefundStatus.SUCCEEDED), seller(Settings({"CAPSULE_INVOICE_FROM": SELLER}))
    text = text_of(await PdfCreditNoteRenderer(own).render_pdf(note, invoice, new_customer()))
    for part in (
        "Credit note",
        "CN-2026-000007",
        "2026-000042 of 15 June 2026",
        "Downtime",
        "To your card on 15 June 2026",
        "Total credited\n5.00 EUR",
    ):
        assert part in text, part
    marked = text_of(await renderer().render_pdf(invoice, [note], new_customer()))
    assert "Credit note CN-2026-000007 of 15 June 2026\n-5.00 EUR" in marked
