"""Results as a Markdown table and as docs/bench.svg."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from xml.sax.saxutils import escape

Numbers = Mapping[str, float]
COLOURS = ("#2563eb", "#93c5fd", "#1e3a8a", "#e11d48", "#fda4af", "#a3a3a3")


@dataclass
class Row:
    """One row of the results: the numbers of each round, by system."""

    title: str
    unit: str
    headline: str
    """The name of the number that is compared and drawn."""
    more_is_better: bool = True
    rounds: dict[str, list[Numbers]] = field(default_factory=dict)

    def add(self, system: str, numbers: Numbers) -> None:
        self.rounds.setdefault(system, []).append(numbers)

    def median(self, system: str, name: str) -> float | None:
        values = [numbers[name] for numbers in self.rounds.get(system, ()) if name in numbers]
        return median(values) if values else None

    def spread(self, system: str) -> str:
        values = sorted(numbers[self.headline] for numbers in self.rounds[system])
        return f"{_short(values[0])}–{_short(values[-1])}" if len(values) > 1 else ""

    def ratio(self, system: str, reference: str) -> float | None:
        value, base = self.median(system, self.headline), self.median(reference, self.headline)
        return None if value is None or not base or system == reference else value / base


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"


def table(rows: Sequence[Row], references: Sequence[str]) -> str:
    """A Markdown table. Ratios are to the medians of the systems `references`, as far as they were measured."""
    references = [each for each in references if any(each in row.rounds for row in rows)]
    columns = "".join(f" × {each} |" for each in references)
    lines = [f"| | system | median | rounds |{columns} more |", f"|---|---|--:|--:|{'--:|' * len(references)}---|"]
    for row in rows:
        for system, numbers in row.rounds.items():
            ratios = [row.ratio(system, each) for each in references]
            others = [f"{name} {_short(value)}" for name in numbers[0] if name != row.headline and (value := row.median(system, name)) is not None]
            lines.append(
                f"| {row.title} | {system} | {_short(row.median(system, row.headline) or 0)} {row.unit} | {row.spread(system)} | "
                f"{''.join(f'{ratio:.2f} | ' if ratio is not None else ' | ' for ratio in ratios)}{', '.join(others)} |"
            )
    return "\n".join(lines)


def chart(rows: Sequence[Row], caption: str) -> str:
    """An SVG with one group of horizontal bars per row, without scripts or embedded fonts."""
    width, label, bar, gap = 860, 190, 20, 34
    parts: list[str] = []
    y = 54
    systems = list(dict.fromkeys(system for row in rows for system in row.rounds))
    for row in rows:
        better = "more is better" if row.more_is_better else "less is better"
        parts.append(f'<text x="16" y="{y}" class="title">{escape(row.title)} <tspan class="note">({escape(row.unit)}, {better})</tspan></text>')
        y += 12
        largest = max((row.median(system, row.headline) or 0) for system in row.rounds) or 1.0
        for system in row.rounds:
            value = row.median(system, row.headline) or 0.0
            length = max((width - label - 120) * value / largest, 1)
            colour = COLOURS[systems.index(system) % len(COLOURS)]
            parts.append(f'<text x="{label - 10}" y="{y + 14}" text-anchor="end">{escape(system)}</text>')
            parts.append(f'<rect x="{label}" y="{y}" width="{length:.1f}" height="{bar - 4}" rx="2" fill="{colour}"/>')
            parts.append(f'<text x="{label + length + 8:.1f}" y="{y + 14}">{_short(value)}</text>')
            y += bar
        y += gap
    style = "text{font:13px system-ui,sans-serif;fill:#171717}.title{font-weight:600}.note{font-weight:400;fill:#737373}"
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" role="img" aria-label="{escape(caption)}">',
        f"<style>{style}</style>",
        f'<rect width="{width}" height="{y}" fill="#fff"/>',
        f'<text x="16" y="26" class="note">{escape(caption)}</text>',
    ]
    return "\n".join([*head, *parts, "</svg>", ""])
