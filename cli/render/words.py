"""Small things that are written the same everywhere: money, moments, durations, short ids, states."""

from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

STYLES = {
    "succeeded": "green", "failed": "red", "rolled-back": "yellow", "cancelled": "yellow", "firing": "red", "resolved": "green", "paid": "green",
    "open": "yellow", "active": "green",
}  # fmt: skip
MINORLESS = frozenset({"JPY", "KRW", "CLP", "VND"})


def money(amount: dict[str, Any]) -> str:
    """Minor units as people write them."""
    minor, currency = int(amount["amount"]), str(amount["currency"]).upper()
    if currency in MINORLESS:
        return f"{minor} {currency}"
    sign = "-" if minor < 0 else ""
    return f"{sign}{abs(minor) // 100}.{abs(minor) % 100:02d} {currency}"


def moment(text: str | None) -> str:
    """In the reader's time zone."""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S") if text else "–"


def day(text: str) -> str:
    """Periods are counted in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d")


def since(begin: str, end: str | None) -> float:
    return (datetime.fromisoformat(end) if end else datetime.now(UTC)).timestamp() - datetime.fromisoformat(begin).timestamp()


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def short(commit: str | None) -> str:
    return commit[:12] if commit else "–"


def state(text: str) -> Text:
    return Text(text, STYLES.get(text, "cyan"))


def number(value: object) -> str:
    return "–" if value is None else str(value)


def size(bytes: int | None) -> str:
    """In binary units."""
    if bytes is None:
        return "not measured"
    return f"{bytes / 2**30:.1f} GiB" if bytes >= 2**30 else f"{bytes / 2**20:.0f} MiB" if bytes >= 2**20 else f"{bytes / 2**10:.0f} KiB"


def grid(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """A table without lines: it can be read, and cut with cut(1)."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def facts(*rows: tuple[str, str | Text]) -> Table:
    """Names and values, one a line."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value if isinstance(value, Text) else Text(value))
    return table
