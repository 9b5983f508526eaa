"""Tables and lists of facts that adapt to the width of the terminal.

No cell is ever folded: an id, a URL or a name stays in one piece, so that it can be read and copied. A table that is too wide leaves out its
less important columns; if the important ones do not fit either, each row becomes a block with one value per line. Prose breaks at spaces.

Print them with `soft_wrap=True`: otherwise Rich crops lines that are longer than the terminal.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

GAP = 2
INDENT = 2
MIN_VALUE_WIDTH = 20
WORD = re.compile(r"\S+\s*")
Cell = str | Text


@dataclass(frozen=True)
class Column:
    name: str
    drop: int = 0
    """0: always there. Of the others, the one with the highest number is left out first."""
    is_right: bool = False


@dataclass(frozen=True)
class _Row:
    cells: list[Text]
    details: list[Text]


class Table:
    """Rows of cells, each optionally followed by lines of details, such as a URL or a sentence."""

    def __init__(self, *columns: Column) -> None:
        self.columns = columns
        self.rows: list[_Row] = []

    def add_row(self, *cells: Cell, details: Sequence[Cell] = ()) -> None:
        """Add a row with one cell per column. Empty details are left out."""
        if len(cells) != len(self.columns):
            raise ValueError(f"{len(cells)} cells for {len(self.columns)} columns")
        self.rows.append(_Row([_text(each) for each in cells], [_text(each) for each in details if str(each)]))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        indices = self._fitting_columns(options.max_width)
        yield from self._lines(indices, options.max_width) if indices else self._blocks(options.max_width)

    def _fitting_columns(self, max_width: int) -> list[int]:
        """The indices of the columns to show; empty if not even the important ones fit."""
        widths = self._widths()
        indices = list(range(len(self.columns)))
        while indices and sum(widths[index] + GAP for index in indices) - GAP > max_width:
            least_important = max(indices, key=lambda index: self.columns[index].drop)
            if self.columns[least_important].drop == 0:
                return []
            indices.remove(least_important)
        return indices

    def _widths(self) -> list[int]:
        return [max([len(column.name), *(row.cells[index].cell_len for row in self.rows)]) for index, column in enumerate(self.columns)]

    def _lines(self, indices: list[int], max_width: int) -> Iterator[Text]:
        widths = self._widths()
        yield self._line([Text(self.columns[index].name, "dim") for index in indices], indices, widths)
        for row in self.rows:
            yield self._line([row.cells[index] for index in indices], indices, widths)
            yield from _indented(row.details, max_width)

    def _line(self, cells: list[Text], indices: list[int], widths: list[int]) -> Text:
        line = Text()
        for cell, index in zip(cells, indices, strict=True):
            padding = " " * (widths[index] - cell.cell_len)
            line.append_text(Text.assemble(padding, cell) if self.columns[index].is_right else Text.assemble(cell, padding))
            line.append(" " * GAP)
        line.rstrip()
        return line

    def _blocks(self, max_width: int) -> Iterator[Text]:
        for number, row in enumerate(self.rows):
            if number:
                yield Text("")
            facts = [(column.name, cell) for column, cell in zip(self.columns, row.cells, strict=True) if column.name]
            yield from _fact_lines(facts, max_width)
            yield from _indented(row.details, max_width)


class Facts:
    """Names and values, one per line. A long value breaks at spaces, never within a word."""

    def __init__(self, *facts: tuple[str, Cell]) -> None:
        self.facts = [(name, _text(value)) for name, value in facts]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _fact_lines(self.facts, options.max_width)


class Prose:
    """Text that breaks at spaces only."""

    def __init__(self, text: Cell) -> None:
        self.text = _text(text)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from wrap_words(self.text, options.max_width)


def wrap_words(text: Text, width: int) -> list[Text]:
    """Return the lines of a text, broken at spaces. A word that is longer than `width` stays whole. Lines keep their paragraph's indent."""
    lines: list[Text] = []
    for paragraph in text.split("\n", allow_blank=True):
        indent = len(paragraph.plain) - len(paragraph.plain.lstrip())
        breaks: list[int] = []
        column = indent
        for match in WORD.finditer(paragraph.plain):
            is_first = match.start() in (indent, *breaks[-1:])
            if not is_first and column + cell_len(match[0].rstrip()) > width:
                breaks.append(match.start())
                column = indent
            column += cell_len(match[0])
        for number, line in enumerate(paragraph.divide(breaks)):
            line.rstrip()
            lines.append(Text.assemble(" " * indent, line) if number else line)
    return lines


def _fact_lines(facts: Sequence[tuple[str, Text]], max_width: int) -> Iterator[Text]:
    name_width = max((len(name) for name, _ in facts), default=0)
    value_width = max_width - name_width - GAP
    for name, value in facts:
        if value_width < MIN_VALUE_WIDTH:
            yield Text(name, "dim")
            yield from _indented([value], max_width)
            continue
        first, *others = wrap_words(value, value_width)
        yield Text.assemble((name.ljust(name_width + GAP), "dim"), first)
        for line in others:
            yield Text.assemble(" " * (name_width + GAP), line)


def _indented(texts: Sequence[Text], max_width: int) -> Iterator[Text]:
    for text in texts:
        for line in wrap_words(text, max_width - INDENT):
            yield Text.assemble(" " * INDENT, line)


def _text(cell: Cell) -> Text:
    return Text(cell) if isinstance(cell, str) else cell
