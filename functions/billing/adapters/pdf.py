"""Renders invoices and credit notes as PDF with reportlab.

An invoice shows what EU law requires of a simplified invoice (Directive 2006/112/EC, Art. 226b): seller, date, number,
services with their period, the total and its VAT. It also shows the buyer's e-mail address and the state of the
payment. Full invoices (above 250 EUR in Germany, § 33 UStDV) need the buyer's postal address, which Capsule does not
store.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from fractions import Fraction
from io import BytesIO

from functions.billing.adapters import variables
from functions.billing.adapters.pdf_page import LABEL_WIDTH, LEFT, LINE_HEIGHT, RIGHT, Page
from functions.billing.domain.credit_notes import CreditNote, RefundStatus
from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import Invoice, InvoiceLine, InvoiceStatus, Purpose
from functions.billing.domain.money import Money
from functions.runtime.config.settings import Settings


class _Document:
    """What invoices and credit notes share: seller, buyer and VAT."""

    def __init__(self, settings: Settings) -> None:
        self._seller = [*settings.value(variables.INVOICE_FROM)]
        if vat_id := settings.value(variables.INVOICE_VAT_ID):
            self._seller.append(f"VAT ID {vat_id}")
        self._vat_percent = settings.value(variables.INVOICE_VAT_PERCENT)
        self._vat_note = settings.value(variables.INVOICE_VAT_NOTE)

    @contextmanager
    def _page(self, file: BytesIO, title: str, number: str, invoice: Invoice, customer: Customer) -> Iterator[Page]:
        from reportlab.pdfgen.canvas import Canvas  # imported here because it takes 0.3 s

        canvas = Canvas(file, pagesize=(595, 842), invariant=1)
        canvas.setTitle(f"{title} {number}")
        canvas.setAuthor(self._seller[0])
        page = Page(canvas, f"{title} {number}, customer {customer.id}")
        page.write(LEFT, title, size=22, down=36)
        page.columns(("Seller", *self._seller), ("Buyer", invoice.buyer_email or customer.email, f"Customer {customer.id}"))
        page.down(14)
        yield page
        page.end()
        canvas.save()

    def _totals(self, total: Money) -> Iterator[tuple[str, str]]:
        if self._vat_percent:
            net = Money.rounded(Fraction(total.amount * 100) / (100 + self._vat_percent), total.currency)
            yield "Net", str(net)
            yield f"VAT {float(self._vat_percent):g} %", str(total - net)
        else:
            yield self._vat_note, ""
        yield "Total", str(total)


class PdfRenderer(_Document):
    async def render_pdf(self, invoice: Invoice, notes: Sequence[CreditNote], customer: Customer) -> bytes:
        return await asyncio.to_thread(self._render, invoice, notes, customer)

    def _render(self, invoice: Invoice, notes: Sequence[CreditNote], customer: Customer) -> bytes:
        file = BytesIO()
        with self._page(file, "Invoice", str(invoice.number), invoice, customer) as page:
            _write_facts(page, _details(invoice))
            page.row("Description", "Quantity", "Period", "Amount", bold=True)
            for line in invoice.lines:
                page.row(*_cells(line))
            page.down(8)
            for label, amount in self._totals(invoice.total):
                page.write_right(RIGHT, f"{label} {amount}".rstrip(), bold=label == "Total", down=LINE_HEIGHT)
            for note in notes:
                page.write_right(RIGHT, f"Credited on {_day(note.issued_at)}, credit note {note.number}: {note.amount}", down=LINE_HEIGHT)
        return file.getvalue()


class PdfCreditNoteRenderer(_Document):
    async def render_pdf(self, note: CreditNote, invoice: Invoice, customer: Customer) -> bytes:
        return await asyncio.to_thread(self._render, note, invoice, customer)

    def _render(self, note: CreditNote, invoice: Invoice, customer: Customer) -> bytes:
        file = BytesIO()
        with self._page(file, "Credit note", note.number, invoice, customer) as page:
            _write_facts(page, _note_details(note, invoice))
            for label, amount in self._totals(note.amount):
                page.write_right(RIGHT, f"{label} {amount}".rstrip(), bold=label == "Total", down=LINE_HEIGHT)
        return file.getvalue()


def _write_facts(page: Page, facts: Iterator[tuple[str, str]]) -> None:
    for label, value in facts:
        page.write(LEFT, label, grey=True)
        page.write(LEFT + LABEL_WIDTH, value, down=LINE_HEIGHT)
    page.down(14)


def _note_details(note: CreditNote, invoice: Invoice) -> Iterator[tuple[str, str]]:
    assert invoice.issued_at is not None
    yield "Credit note", note.number
    yield "Date", _day(note.issued_at)
    yield "For invoice", f"{invoice.number} of {_day(invoice.issued_at)}"
    yield "Reason", note.reason
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
    yield "Invoice date", _day(invoice.issued_at)
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


def _cells(line: InvoiceLine) -> tuple[str, str, str, str]:
    period = f"{line.period.begin:%d %b} – {line.period.last_day:%d %b %Y}"
    return line.description, f"{line.quantity:,}", period, str(line.amount)


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
