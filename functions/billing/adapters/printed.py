"""Invoices on paper: PDF through fpdf2, which is pure Python and needs no font or program of the machine."""

import asyncio

from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import Invoice, InvoiceStatus
from functions.billing.domain.money import Money
from functions.runtime.settings import Settings

GREY = (110, 110, 110)
WIDTHS = (92, 26, 38, 34)  # millimetres: what, quantity, period, amount


class PdfPrinter:
    """`CAPSULE_INVOICE_FROM` is who writes the invoices: a name and an address, lines separated by `|`."""

    def __init__(self, settings: Settings) -> None:
        self._from = settings.text("CAPSULE_INVOICE_FROM", "Capsule").split("|")

    async def invoice(self, invoice: Invoice, customer: Customer) -> bytes:
        return await asyncio.to_thread(self._print, invoice, customer)

    def _print(self, invoice: Invoice, customer: Customer) -> bytes:
        from fpdf import FPDF  # half a second: only who prints waits for it

        assert invoice.number is not None and invoice.issued_at is not None
        pdf = FPDF(format="A4")
        pdf.core_fonts_encoding = "windows-1252"
        pdf.set_creation_date(invoice.issued_at)
        pdf.set_title(f"Invoice {invoice.number}")
        pdf.set_author(self._from[0])
        pdf.set_margin(20)
        pdf.add_page()
        pdf.set_font("helvetica", "B", 20)
        pdf.cell(0, 12, "Invoice", new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("helvetica", "", 10)
        for line in self._from:
            pdf.cell(0, 5, _latin(line.strip()), new_x="LMARGIN", new_y="NEXT")
        pdf.ln(6)
        for name, value in _facts(invoice, customer):
            pdf.set_text_color(*GREY)
            pdf.cell(32, 6, name)
            pdf.set_text_color(0)
            pdf.cell(0, 6, _latin(value), new_x="LMARGIN", new_y="NEXT")
        pdf.ln(6)
        with pdf.table(
            col_widths=WIDTHS, text_align=("LEFT", "RIGHT", "LEFT", "RIGHT"), borders_layout="HORIZONTAL_LINES", width=sum(WIDTHS) - 20
        ) as table:
            table.row(("", "Quantity", "Period", "Amount"))
            for item in invoice.lines:
                period = f"{item.period.begin:%d %b} to {item.period.end:%d %b %Y}"
                table.row((_latin(item.description), f"{item.quantity:,}", period, shown(item.amount)))
        pdf.ln(2)
        pdf.set_font("helvetica", "B", 12)
        pdf.cell(0, 10, f"Total {shown(invoice.total)}", align="R", new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("helvetica", "", 9)
        pdf.set_text_color(*GREY)
        pdf.cell(0, 6, f"Invoice {invoice.number} of customer {customer.id}", new_x="LMARGIN", new_y="NEXT")
        return bytes(pdf.output())


def shown(amount: Money) -> str:
    sign, minor = ("-" if amount.amount < 0 else ""), abs(amount.amount)
    return f"{sign}{minor // 100:,}.{minor % 100:02} {amount.currency}"


def _facts(invoice: Invoice, customer: Customer) -> list[tuple[str, str]]:
    """Not its standing, which changes: an issued invoice is printed the same for ever."""
    assert invoice.number is not None and invoice.issued_at is not None
    facts = [("Number", invoice.number), ("Date", f"{invoice.issued_at:%d %B %Y}"), ("To", customer.email)]
    if invoice.status is InvoiceStatus.VOID:
        facts.append(("Void", "This invoice has been cancelled."))
    return facts


def _latin(text: str) -> str:
    """The fonts that every reader of PDF has know the letters of western Europe."""
    return text.encode("windows-1252", "replace").decode("windows-1252")
