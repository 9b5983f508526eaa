"""What a check found: a subject, how bad it is, what is there, and what to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rich.markup import escape


class Level(StrEnum):
    GOOD = "good"
    NOTE = "note"
    """Worth knowing; nothing to do, or not checked."""
    WARNING = "warning"
    """Works now. Something is weaker than it could be, or will end."""
    FAULT = "fault"
    """Must be mended: Capsule does not work, or will not for long."""


BULLETS = {Level.GOOD: "[green]●[/]", Level.NOTE: "[dim]○[/]", Level.WARNING: "[yellow]●[/]", Level.FAULT: "[red]●[/]"}


@dataclass(frozen=True, slots=True)
class Finding:
    """`check`: the name of what was checked. `remedy`: empty if there is nothing to do. `details`: printed with `--all`, and always in JSON."""

    check: str
    level: Level
    summary: str
    remedy: str = ""
    details: tuple[str, ...] = ()

    def lines(self, *, show_all: bool = False) -> Iterator[str]:
        """Rich markup."""
        yield f"{BULLETS[self.level]} {self.check:<13} {escape(self.summary)}"
        if self.remedy:
            yield f"{'':<16}→ {escape(self.remedy)}"
        if show_all:
            for detail in self.details:
                yield f"{'':<18}{escape(detail)}"

    def document(self) -> dict[str, Any]:
        return {"check": self.check, "level": str(self.level), "summary": self.summary, "remedy": self.remedy, "details": list(self.details)}
