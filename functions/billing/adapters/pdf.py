"""Renders invoices and credit notes as PDF with reportlab.

An invoice shows what EU law requires (Directive 2006/112/EC, Article 226): date of issue, number, names, addresses and VAT numbers of seller and
customer, services with quantity and unit price without VAT, their period, the net amount, rate and amount of VAT or why there is none, the total, and
the state of the payment. Without billing details of the customer it is a simplified invoice (Article 226b) to an e-mail address, and says so.
A credit note names the invoice that it amends (Article 219).
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction
from io import BytesIO

from functions.billing.adapters.pdf_page import LEFT, RIGHT, Page
from functions.billing.domain.credit_notes import CreditNote, RefundStatus
from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import Invoice, InvoiceLine, InvoiceStatus, Purpose
from functions.billing.domain.money import Money
from functions.billing.domain.parties import Parties, Seller
from functions.billing.domain.plans import MIB_SECONDS_PER_GIB_MONTH, Meter

UNITS = {
    Meter.REQUESTS: (1_000_000, "M requests"),
    Meter.CPU_MILLISECONDS: (3_600_000, "CPU hours"),
    Meter.DATABASE_MIB_SECONDS: (MIB_SECONDS_PER_GIB_MONTH, "GiB months"),
    Meter.REDIS_MIB_SECONDS: (MIB_SECONDS_PER_GIB_MONTH, "GiB months"),
    Meter.VOLUME_MIB_SECONDS: (MIB_SECONDS_PER_GIB_MONTH, "GiB months"),
    Meter.BACKUP_MIB_SECONDS: (MIB_SECONDS_PER_GIB_MONTH, "GiB months"),
}
"""In which unit a meter is priced."""
SUMS_HEIGHT = 9
"""In lines: the last row is on the page of the sums."""
HEADS = ("Description", "Quantity", "Unit price, net", "Amount, net")


class _Document:
    """What invoices and credit notes share: seller, buyer and VAT. `seller`: of invoices that do not name theirs."""

    def __init__(self, seller: Seller) -> None:
        self._seller = seller

    def _parties(self, invoice: Invoice) -> Parties:
        return invoice.parties or self._seller.parties(None)

    def _begin(self, file: BytesIO, title: str, number: str, invoice: Invoice, customer: Customer) -> Page:
        from reportlab.pdfgen.canvas import Canvas  # imported here because it takes 0.3 s

        parties = self._parties(invoice)
        canvas = Canvas(file, pagesize=(595, 842), invariant=1, lang="en")
        canvas.setTitle(f"{title} {number}")
        canvas.setAuthor(parties.seller[0])
        page = Page(canvas, (" · ".join(parties.seller), f"{title} {number}"))
        page.write(LEFT, title, size=22, down=38)
        page.columns(_seller_lines(parties), _buyer_lines(parties, invoice, customer))
        page.down(16)
        return page


def _seller_lines(parties: Parties) -> tuple[str, ...]:
    return ("Seller", *parties.seller, *([f"VAT ID {parties.seller_vat_id}"] if parties.seller_vat_id else []))


def _buyer_lines(parties: Parties, invoice: Invoice, customer: Customer) -> tuple[str, ...]:
    buyer, email = parties.buyer, invoice.buyer_email or customer.email
    named = (*buyer.lines, *([f"VAT ID {buyer.vat_id}"] if buyer.vat_id else [])) if buyer else ()
    return ("Customer", *named, *([email] if email else []))


def _write_sums(page: Page, parties: Parties, total: Money, label: str = "Total") -> None:
    page.keep_together(4)
    if parties.vat_percent:
        net = parties.net(total)
        page.sum("Net amount", str(net))
        page.sum(f"VAT {float(parties.vat_percent):g} % of {net}", str(total - net))
    page.sum(label, str(total), bold=True)
    if not parties.vat_percent:
        page.write_right(RIGHT, parties.vat_note, grey=True, down=15)


class PdfRenderer(_Document):
    async def render_pdf(self, invoice: Invoice, notes: Sequence[CreditNote], customer: Customer) -> bytes:
        return await asyncio.to_thread(self._render, invoice, notes, customer)

    def _render(self, invoice: Invoice, notes: Sequence[CreditNote], customer: Customer) -> bytes:
        file, parties = BytesIO(), self._parties(invoice)
        page = self._begin(file, "Invoice", str(invoice.number), invoice, customer)
        page.facts([*_details(invoice), ("Customer number", str(customer.id))])
        page.begin_table(*HEADS)
        for line, net in zip(invoice.lines, parties.net_of_lines([each.amount for each in invoice.lines]), strict=True):
            if line is invoice.lines[-1]:
                page.keep_together(SUMS_HEIGHT)
            page.row(line.description, _period(line), *_quantity_and_price(line, net), str(net))
        page.end_table()
        page.down(6)
        _write_sums(page, parties, invoice.total)
        for note in notes:
            page.sum(f"Credit note {note.number} of {_day(note.issued_at)}", f"-{note.amount}")
        page.down(14)
        for sentence in _remarks(invoice, parties):
            page.write_block(LEFT, sentence, RIGHT - LEFT, grey=True, size=8.5, line_height=12)
        page.save()
        return file.getvalue()


class PdfCreditNoteRenderer(_Document):
    async def render_pdf(self, note: CreditNote, invoice: Invoice, customer: Customer) -> bytes:
        return await asyncio.to_thread(self._render, note, invoice, customer)

    def _render(self, note: CreditNote, invoice: Invoice, customer: Customer) -> bytes:
        file, parties = BytesIO(), self._parties(invoice)
        page = self._begin(file, "Credit note", note.number, invoice, customer)
        page.facts([*_note_details(note, invoice), ("Customer number", str(customer.id))])
        page.begin_table(*HEADS)
        period = f"{_day(invoice.period.begin)} – {_day(invoice.period.last_day)}"
        amount = str(parties.net(note.amount))
        page.row(f"Credit for invoice {invoice.number}: {note.reason}", period, "1", amount, amount)
        page.end_table()
        page.down(6)
        _write_sums(page, parties, note.amount, "Total credited")
        page.save()
        return file.getvalue()


def _note_details(note: CreditNote, invoice: Invoice) -> Iterator[tuple[str, str]]:
    assert invoice.issued_at is not None
    yield "Credit note number", note.number
    yield "Date of issue", _day(note.issued_at)
    yield "For invoice", f"{invoice.number} of {_day(invoice.issued_at)}"
    match note.status:
        case RefundStatus.SUCCEEDED if note.settled_at is not None:
            yield "Refund", f"To your card on {_day(note.settled_at)}"
        case RefundStatus.FAILED:
            yield "Refund", "To your card failed; paid in another way"
        case _:
            yield "Refund", "To your card"


def _details(invoice: Invoice) -> Iterator[tuple[str, str]]:
    assert invoice.number is not None and invoice.issued_at is not None
    yield "Invoice number", invoice.number
    yield "Date of issue", _day(invoice.issued_at)
    yield "Service", f"Application hosting, {invoice.plan_code} plan"
    yield "Service period", f"{_day(invoice.period.begin)} – {_day(invoice.period.last_day)}"
    yield "Payment", _payment_state(invoice)


def _payment_state(invoice: Invoice) -> str:
    match invoice.status:
        case InvoiceStatus.PAID if invoice.settled_at is not None:
            return f"Paid on {_day(invoice.settled_at)} by card"
        case InvoiceStatus.VOID:
            return "Void, no payment due"
        case _ if invoice.purpose is Purpose.FINAL:
            return "Due now"
        case _:
            return "Due now, charged to your card"


def _remarks(invoice: Invoice, parties: Parties) -> Iterator[str]:
    if any(line.meter is not None for line in invoice.lines):
        yield "Unit prices of usage are averages: quantities that the plan includes and the tiers of its prices are in them."
    if parties.buyer is None:
        yield "Simplified invoice. For one with your name, address and VAT number, enter them under Billing: they are on all later invoices."


def _quantity_and_price(line: InvoiceLine, net: Money) -> tuple[str, str]:
    if line.meter is None or not line.quantity:
        return f"{line.quantity:,}", str(net)
    size, unit = UNITS[line.meter]
    price = Fraction(net.amount * size, line.quantity * 100)
    return f"{line.quantity / size:,.3f} {unit}", f"{float(price):,.4f} {net.currency}"


def _period(line: InvoiceLine) -> str:
    return f"{line.period.begin:%d %b} – {line.period.last_day:%d %b %Y}"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
