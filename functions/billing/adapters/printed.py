"""Invoices on paper: PDF through reportlab, which needs no program and no font of the machine, and is loaded in a third of a second."""

import asyncio
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import Invoice, InvoiceLine
from functions.billing.domain.money import Money
from functions.runtime.config.settings import Settings

LEFT, RIGHT, TOP, BOTTOM = 57, 538, 785, 70  # points of an A4 page
PERIOD, QUANTITY = 375, 360
LINE = 17


class PdfPrinter:
    """`CAPSULE_INVOICE_FROM` is who writes the invoices: a name and an address, lines separated by `|`."""

    def __init__(self, settings: Settings) -> None:
        self._from = [line.strip() for line in settings.text("CAPSULE_INVOICE_FROM", "Capsule").split("|")]

    async def invoice(self, invoice: Invoice, customer: Customer) -> bytes:
        return await asyncio.to_thread(self._print, invoice, customer)

    def _print(self, invoice: Invoice, customer: Customer) -> bytes:
        from reportlab.pdfgen.canvas import Canvas  # only who prints waits for it

        file = BytesIO()
        canvas = Canvas(file, pagesize=(595, 842), invariant=1)
        canvas.setTitle(f"Invoice {invoice.number}")
        canvas.setAuthor(self._from[0])
        page = _Page(canvas, f"Invoice {invoice.number} of customer {customer.id}")
        page.write(LEFT, "Invoice", size=22, down=30)
        for line in self._from:
            page.write(LEFT, line, down=13)
        page.down(14)
        for name, value in _facts(invoice, customer):
            page.write(LEFT, name, grey=True)
            page.write(LEFT + 80, value, down=LINE)
        page.down(14)
        page.row("", "Quantity", "Period", "Amount", bold=True)
        for item in invoice.lines:
            page.row(*_cells(item))
        page.down(8)
        page.write_right(RIGHT, f"Total {shown(invoice.total)}", size=13)
        page.end()
        canvas.save()
        return file.getvalue()


class _Page:
    """A pen that goes down the page, and on to the next."""

    def __init__(self, canvas: Any, foot: str) -> None:
        self._canvas, self._foot, self._y = canvas, foot, TOP

    def write(self, x: int, text: str, *, size: int = 10, down: int = 0, grey: bool = False, bold: bool = False) -> None:
        self._pen(size, grey, bold or size > 10)
        self._canvas.drawString(x, self._y, _printable(text))
        self.down(down)

    def write_right(self, x: int, text: str, *, size: int = 10, bold: bool = False) -> None:
        self._pen(size, False, bold or size > 10)
        self._canvas.drawRightString(x, self._y, _printable(text))

    def row(self, what: str, quantity: str, period: str, amount: str, bold: bool = False) -> None:
        self.write(LEFT, what, bold=bold)
        self.write_right(QUANTITY, quantity, bold=bold)
        self.write(PERIOD, period, bold=bold)
        self.write_right(RIGHT, amount, bold=bold)
        self._canvas.setLineWidth(0.4)
        self._canvas.line(LEFT, self._y - 5, RIGHT, self._y - 5)
        self.down(LINE + 2)

    def down(self, by: int) -> None:
        self._y -= by
        if self._y < BOTTOM:
            self.end()
            self._y = TOP

    def end(self) -> None:
        self._pen(8, True, False)
        self._canvas.drawString(LEFT, 40, self._foot)
        self._canvas.showPage()

    def _pen(self, size: int, grey: bool, bold: bool) -> None:
        self._canvas.setFont("Helvetica-Bold" if bold else "Helvetica", size)
        self._canvas.setFillGray(0.45 if grey else 0)


def shown(amount: Money) -> str:
    sign, minor = ("-" if amount.amount < 0 else ""), abs(amount.amount)
    return f"{sign}{minor // 100:,}.{minor % 100:02} {amount.currency}"


def _facts(invoice: Invoice, customer: Customer) -> Iterator[tuple[str, str]]:
    """Not its standing, which changes: an issued invoice is printed the same for ever."""
    assert invoice.number is not None and invoice.issued_at is not None
    yield "Number", invoice.number
    yield "Date", f"{invoice.issued_at:%d %B %Y}"
    yield "To", customer.email


def _cells(item: InvoiceLine) -> tuple[str, str, str, str]:
    period = f"{item.period.begin:%d %b} - {item.period.end:%d %b %Y}"
    return item.description, f"{item.quantity:,}", period, shown(item.amount)


def _printable(text: str) -> str:
    """The fonts that every reader of PDF has know the letters of western Europe."""
    return text.encode("windows-1252", "replace").decode("windows-1252")
