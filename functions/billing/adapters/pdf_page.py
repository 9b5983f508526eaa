"""Pages of a PDF, written from top to bottom, with a table whose head is on every page and "page 1 of 2" below each."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

LEFT, RIGHT, TOP, BOTTOM = 57, 538, 785, 84  # points on an A4 page
BUYER_COLUMN, COLUMN_WIDTH, LABEL_WIDTH = 310, 228, 110
DESCRIPTION_WIDTH, QUANTITY_RIGHT, UNIT_PRICE_RIGHT = 190, 330, 440
LINE_HEIGHT, SMALL_LINE_HEIGHT = 15, 12
FOOTER = 44
FONTS = Path(__file__).parent / "fonts"
GREY, GREY_RULE = 0.42, 0.75


class Page:
    """Writes downwards and continues on a new page."""

    def __init__(self, canvas: Any, footer: Sequence[str]) -> None:
        self._canvas, self._footer, self._y = canvas, footer, TOP
        self._states: list[dict[str, Any]] = []
        self._on_new_page: Callable[[], None] | None = None

    def write(self, x: int, text: str, *, size: float = 9.5, down: int = 0, grey: bool = False, bold: bool = False) -> None:
        self._set_font(text, size, grey, bold or size > 12)
        self._canvas.drawString(x, self._y, text)
        self.down(down)

    def write_right(self, x: int, text: str, *, size: float = 9.5, down: int = 0, grey: bool = False, bold: bool = False) -> None:
        self._set_font(text, size, grey, bold)
        self._canvas.drawRightString(x, self._y, text)
        self.down(down)

    def write_block(self, x: int, text: str, width: int, *, grey: bool = False, size: float = 9.5, line_height: int = LINE_HEIGHT) -> None:
        """Lines that break at spaces, and within a word that is longer than a line."""
        for line in self._wrapped(text, width, size):
            self.write(x, line, grey=grey, size=size, down=line_height)

    def columns(self, left: tuple[str, ...], right: tuple[str, ...]) -> None:
        """Two blocks side by side, each below its grey heading."""
        blocks = [[text for line in block for text in self._wrapped(line, COLUMN_WIDTH, 9.5)] for block in (left, right)]
        for index in range(max(map(len, blocks))):
            for x, block in zip((LEFT, BUYER_COLUMN), blocks, strict=True):
                if index < len(block):
                    self.write(x, block[index], grey=index == 0)
            self.down(13)

    def facts(self, facts: Sequence[tuple[str, str]]) -> None:
        for label, value in facts:
            self.write(LEFT, label, grey=True)
            self.write_block(LEFT + LABEL_WIDTH, value, RIGHT - LEFT - LABEL_WIDTH)
        self.down(12)

    def begin_table(self, *heads: str) -> None:
        """Columns: description, quantity, unit price, amount."""
        self._on_new_page = lambda: self._head(heads)
        self._head(heads)

    def row(self, description: str, note: str, quantity: str, unit_price: str, amount: str) -> None:
        """A row stays on one page. `note` is below the description."""
        lines, notes = self._wrapped(description, DESCRIPTION_WIDTH, 9.5), self._wrapped(note, DESCRIPTION_WIDTH, 8.5) if note else []
        height = 13 * len(lines) + SMALL_LINE_HEIGHT * len(notes)
        if self._y - height < BOTTOM:
            self._next_page()
        for x, text in ((QUANTITY_RIGHT, quantity), (UNIT_PRICE_RIGHT, unit_price), (RIGHT, amount)):
            self.write_right(x, text)
        for line in lines:
            self.write(LEFT, line)
            self._y -= 13
        for line in notes:
            self.write(LEFT, line, grey=True, size=8.5)
            self._y -= SMALL_LINE_HEIGHT
        self._y += 5
        self._rule(0.4, GREY_RULE)
        self._y -= 13

    def end_table(self) -> None:
        self._on_new_page = None

    def keep_together(self, lines: int) -> None:
        """Begin a new page if so many lines do not fit."""
        if self._y - lines * LINE_HEIGHT < BOTTOM:
            self._next_page()

    def sum(self, label: str, amount: str, *, bold: bool = False) -> None:
        self.write_right(UNIT_PRICE_RIGHT, label, bold=bold)
        self.write_right(RIGHT, amount, bold=bold, down=LINE_HEIGHT)

    def down(self, points: int) -> None:
        self._y -= points
        if points and self._y < BOTTOM:
            self._next_page()

    def save(self) -> None:
        """Write the footers, which need the number of pages, and end the document."""
        self._states.append(dict(vars(self._canvas)))
        for number, state in enumerate(self._states, 1):
            vars(self._canvas).update(state)
            self._y = FOOTER
            for line in self._footer:
                self.write(LEFT, line, size=8, grey=True)
                self._y -= 11
            self._y = FOOTER
            if len(self._states) > 1:
                self.write_right(RIGHT, f"Page {number} of {len(self._states)}", size=8, grey=True)
            self._canvas.showPage()
        self._canvas.save()

    def _next_page(self) -> None:
        self._states.append(dict(vars(self._canvas)))
        self._canvas._startPage()
        self._y = TOP
        if self._on_new_page is not None:
            self._on_new_page()

    def _head(self, heads: Sequence[str]) -> None:
        self.write(LEFT, heads[0], bold=True)
        for x, text in zip((QUANTITY_RIGHT, UNIT_PRICE_RIGHT, RIGHT), heads[1:], strict=True):
            self.write_right(x, text, bold=True)
        self._y -= 6
        self._rule(1, 0)
        self._y -= 13

    def _rule(self, width: float, grey: float) -> None:
        self._canvas.setLineWidth(width)
        self._canvas.setStrokeGray(grey)
        self._canvas.line(LEFT, self._y + 2, RIGHT, self._y + 2)

    def _set_font(self, text: str, size: float, grey: bool, bold: bool) -> None:
        self._canvas.setFont(_font(text, bold), size)
        self._canvas.setFillGray(GREY if grey else 0)

    def _wrapped(self, text: str, width: int, size: float) -> list[str]:
        from reportlab.lib.utils import simpleSplit

        lines: list[str] = []
        for line in simpleSplit(text, _font(text, False), size, width):
            while self._canvas.stringWidth(line, _font(line, False), size) > width and len(line) > 1:
                cut = next(
                    end for end in range(len(line) - 1, 0, -1) if end == 1 or self._canvas.stringWidth(line[:end], _font(line, False), size) <= width
                )
                lines.append(line[:cut])
                line = line[cut:]
            lines.append(line)
        return lines or [""]


def _font(text: str, bold: bool) -> str:
    """Helvetica, which every reader has, for what it has characters for (windows-1252); else an embedded font: names of the Union need more."""
    try:
        text.encode("windows-1252")
    except UnicodeEncodeError:
        return _embedded_font("DejaVuSans-Bold" if bold else "DejaVuSans")
    return "Helvetica-Bold" if bold else "Helvetica"


@cache
def _embedded_font(name: str) -> str:
    from reportlab.pdfbase.pdfmetrics import registerFont
    from reportlab.pdfbase.ttfonts import TTFont

    registerFont(TTFont(name, str(FONTS / f"{name}.ttf")))
    return name
