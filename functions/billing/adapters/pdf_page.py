"""Pages of a PDF, written from top to bottom."""

from typing import Any

LEFT, RIGHT, TOP, BOTTOM = 57, 538, 785, 70  # points on an A4 page
BUYER_COLUMN, LABEL_WIDTH = 310, 100
QUANTITY_RIGHT, PERIOD_LEFT = 340, 352
LINE_HEIGHT = 17


class Page:
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


def _encodable(text: str) -> str:
    """PDF's standard fonts cover windows-1252 only; other characters become `?`."""
    return text.encode("windows-1252", "replace").decode("windows-1252")
