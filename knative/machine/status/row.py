"""One line of `./taskw status`, and the details below it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from rich.markup import escape


class State(StrEnum):
    """The bullet in front of a line."""

    GOOD = "[green]●[/]"
    BAD = "[red]●[/]"
    IDLE = "[dim]○[/]"
    """Not measured, or nothing there."""


@dataclass(frozen=True)
class Row:
    """What is measured, its state, and a summary. `details` are printed below it: causes, or the items that `--all` lists."""

    name: str
    state: State
    summary: str
    details: tuple[str, ...] = ()

    @property
    def is_bad(self) -> bool:
        return self.state is State.BAD

    def lines(self) -> Iterator[str]:
        """Rich markup, one line each."""
        yield f"{self.state} {self.name:<13} {escape(self.summary)}"
        for detail in self.details:
            yield f"    {escape(detail)}"


def size(byte_count: int) -> str:
    """A number of bytes in decimal units, as disk manufacturers use them."""
    return f"{byte_count / 1e9:.1f} GB" if byte_count >= 1e9 else f"{byte_count / 1e6:.0f} MB"


def plural(count: int, noun: str) -> str:
    """`1 image`, `2 images`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
