"""Renders invoices as PDF with reportlab.

An invoice shows what EU law requires of a simplified invoice (Directive 2006/112/EC, Art. 226b): seller, date, number,
services with their period, the total and its VAT. It also shows the buyer's e-mail address and the state of the
payment. Full invoices (above 250 EUR in Germany, § 33 UStDV) need the buyer's postal address, which Capsule does not
store.

Settings:

    CAPSULE_INVOICE_FROM          name and address of the seller, lines separated by `|`
    CAPSULE_INVOICE_VAT_ID        VAT or tax number of the seller
    CAPSULE_INVOICE_VAT_PERCENT   VAT rate in percent; plan prices include it. Without it the invoice shows no VAT
    CAPSULE_INVOICE_VAT_NOTE      reason why no VAT is charged (default: `No VAT is charged.`)
"""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from io import BytesIO
from typing import Any

from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import Invoice, InvoiceLine, InvoiceStatus, Purpose
from functions.billing.domain.money import Money
from functions.runtime.config.settings import Settings

LEFT, RIGHT, TOP, BOTTOM = 57, 538, 785, 70  # points on an A4 page
BUYER_COLUMN, LABEL_WIDTH = 310, 100
QUANTITY_RIGHT, PERIOD_LEFT = 340, 352
LINE_HEIGHT = 17


class PdfRenderer:
    def __init__(self, settings: Settings) -> None:
        self._seller = [line.strip() for line in settings.text("CAPSULE_INVOICE_FROM", "Capsule").split("|")]
        if vat_id := settings.text("CAPSULE_INVOICE_VAT_ID", ""):
            self._seller.append(f"VAT ID {vat_id}")
        self._vat_percent = Fraction(settings.text("CAPSULE_INVOICE_VAT_PERCENT", "0"))
        self._vat_note = settings.text("CAPSULE_INVOICE_VAT_NOTE", "No VAT is charged.")

    async def render_pdf(self, invoice: Invoice, customer: Customer) -> bytes:
        return await asyncio.to_thread(self._render, invoice, customer)

    def _render(self, invoice: Invoice, customer: Customer) -> bytes:
        from reportlab.pdfgen.canvas import Canvas  # imported here because it takes 0.3 s

        file = BytesIO()
        canvas = Canvas(file, pagesize=(595, 842), invariant=1)
        canvas.setTitle(f"Invoice {invoice.number}")
        canvas.setAuthor(self._seller[0])
        page = _Page(canvas, f"Invoice {invoice.number}, customer {customer.id}")
        page.write(LEFT, "Invoice", size=22, down=36)
        page.columns(("Seller", *self._seller), ("Buyer", customer.email, f"Customer {customer.id}"))
        page.down(14)
        for label, value in _details(invoice):
            page.write(LEFT, label, grey=True)
            page.write(LEFT + LABEL_WIDTH, value, down=LINE_HEIGHT)
        page.down(14)
        page.row("Description", "Quantity", "Period", "Amount", bold=True)
        for line in invoice.lines:
            page.row(*_cells(line))
        page.down(8)
        for label, amount in self._totals(invoice.total):
            page.write_right(RIGHT, f"{label} {amount}".rstrip(), bold=label == "Total", down=LINE_HEIGHT)
        page.end()
        canvas.save()
        return file.getvalue()

    def _totals(self, total: Money) -> Iterator[tuple[str, str]]:
        if self._vat_percent:
            net = Money.rounded(Fraction(total.amount * 100) / (100 + self._vat_percent), total.currency)
            yield "Net", str(net)
            yield f"VAT {float(self._vat_percent):g} %", str(total - net)
        else:
            yield self._vat_note, ""
        yield "Total", str(total)


class _Page:
    """Writes downwards and continues on a new page."""

    def __init__(self, canvas: Any, footer: str) -> None:
        self._canvas, self._footer, self._y = canvas, footer, TOP

    def write(self, x: int, text: str, *, size: int = 10, down: int = 0, grey: bool = False, bold: bool = False) -> None:
        self._set_font(size, grey, bold or size > 10)
        self._canvas.drawString(x, self._y, _encodable(text))
        self.down(down)

    def write_right(self, x: int, text: str, *, down: int = 0, bold: bool = False) -> None:
        self._set_font(10, False, bold)
        self._canvas.drawRightString(x, self._y, _encodable(text))
        self.down(down)

    def columns(self, left: tuple[str, ...], right: tuple[str, ...]) -> None:
        """Two blocks side by side, each below its grey heading."""
        for index in range(max(len(left), len(right))):
            if index < len(left):
                self.write(LEFT, left[index], grey=index == 0)
            if index < len(right):
                self.write(BUYER_COLUMN, right[index], grey=index == 0)
            self.down(13)

    def row(self, description: str, quantity: str, period: str, amount: str, bold: bool = False) -> None:
        self.write(LEFT, description, bold=bold)
        self.write_right(QUANTITY_RIGHT, quantity, bold=bold)
        self.write(PERIOD_LEFT, period, bold=bold)
        self.write_right(RIGHT, amount, bold=bold)
        self._canvas.setLineWidth(0.4)
        self._canvas.line(LEFT, self._y - 5, RIGHT, self._y - 5)
        self.down(LINE_HEIGHT + 2)

    def down(self, points: int) -> None:
        self._y -= points
        if self._y < BOTTOM:
            self.end()
            self._y = TOP

    def end(self) -> None:
        self._set_font(8, True, False)
        self._canvas.drawString(LEFT, 40, self._footer)
        self._canvas.showPage()

    def _set_font(self, size: int, grey: bool, bold: bool) -> None:
        self._canvas.setFont("Helvetica-Bold" if bold else "Helvetica", size)
        self._canvas.setFillGray(0.45 if grey else 0)


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


def _encodable(text: str) -> str:
    """PDF's standard fonts cover windows-1252 only; other characters become `?`."""
    return text.encode("windows-1252", "replace").decode("windows-1252")
