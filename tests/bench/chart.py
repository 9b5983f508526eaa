"""docs/bench.svg: a group of horizontal bars for each row, a bar for each system, and a line where a goal is."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from tests.bench.report import Row, short

WIDTH, LABEL, BAR, GAP, VALUE = 900, 210, 20, 34, 90
COLOURS = {
    "Capsule": ("#1d4ed8", "#60a5fa"),
    "Capsule, pushed": ("#93c5fd", "#1e40af"),
    "NestJS": ("#e11d48", "#fb7185"),
    "NestJS, outbox and inbox": ("#fda4af", "#9f1239"),
    "FastStream": ("#a3a3a3", "#737373"),
    "nginx": ("#16a34a", "#4ade80"),
}
"""By system, in light and dark; another checkout of Capsule and whatever else was measured takes the next of OTHERS."""
OTHERS = (("#7c3aed", "#a78bfa"), ("#ca8a04", "#facc15"), ("#0d9488", "#2dd4bf"))
TEXT, NOTE, PAGE, LINE = ("#171717", "#f5f5f5"), ("#737373", "#a3a3a3"), ("#ffffff", "#0d1117"), ("#171717", "#f5f5f5")


def chart(rows: Sequence[Row], caption: str) -> str:
    """An SVG without scripts or embedded fonts, which follows the reader's colour scheme."""
    systems = list(dict.fromkeys(system for row in rows for system in row.rounds))
    colours = _colours(systems)
    parts: list[str] = []
    y = 60
    for row in rows:
        y = _draw(row, systems, parts, y) + GAP
    note = f'<text x="16" y="26" class="note">{escape(caption)}. Dashed lines are goals.</text>'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img" aria-label="{escape(caption, {chr(34): "&quot;"})}">',
            f"<style>{_style(colours, 0)} @media (prefers-color-scheme: dark) {{ {_style(colours, 1)} }}</style>",
            f'<rect class="page" width="{WIDTH}" height="{y}"/>',
            note,
            *parts,
            "</svg>",
            "",
        ]
    )


def _draw(row: Row, systems: Sequence[str], parts: list[str], y: int) -> int:
    """Append a row's bars, from `y` on. Returns where they end."""
    goals = [(goal, at) for goal in row.goals if (at := row.goal_position(goal)) is not None]
    note = f"{row.unit}, {'more' if row.more_is_better else 'less'} is better"
    note += f"; goal {', '.join(goal.text for goal, _ in goals)}" if goals else ""
    parts.append(f'<text x="16" y="{y}" class="title">{escape(row.title)} <tspan class="note">({escape(note)})</tspan></text>')
    y += 12
    values = {system: row.median(system, row.headline) or 0.0 for system in row.rounds}
    largest = max(*values.values(), *(at for _, at in goals), 0.0) or 1.0
    scale = (WIDTH - LABEL - VALUE) / largest
    begin, texts = y, []
    for system, value in values.items():
        length = max(value * scale, 1.0)
        parts.append(f'<text x="{LABEL - 10}" y="{y + 13}" text-anchor="end">{escape(system)}</text>')
        parts.append(f'<rect class="s{systems.index(system)}" x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR - 4}" rx="2"/>')
        texts.append(f'<text class="value" x="{LABEL + length + 8:.1f}" y="{y + 13}">{short(value)}</text>')
        y += BAR
    for goal, at in goals:
        x = LABEL + at * scale
        title = f"<title>goal: {escape(goal.text)}</title>"
        parts.append(f'<line class="goal" x1="{x:.1f}" x2="{x:.1f}" y1="{begin - 3}" y2="{y - 1}">{title}</line>')
    parts += texts  # above the lines
    return y


def _colours(systems: Sequence[str]) -> list[tuple[str, str]]:
    others = iter(OTHERS * len(systems))
    return [COLOURS.get(system) or next(others) for system in systems]


def _style(colours: Sequence[tuple[str, str]], scheme: int) -> str:
    """`scheme`: 0 is light, 1 is dark."""
    bars = "".join(f".s{index}{{fill:{each[scheme]}}}" for index, each in enumerate(colours))
    return (
        f"text{{font:13px system-ui,sans-serif;fill:{TEXT[scheme]}}}.title{{font-weight:600}}.note{{font-weight:400;fill:{NOTE[scheme]}}}"
        f".value{{paint-order:stroke;stroke:{PAGE[scheme]};stroke-width:4}}"
        f".page{{fill:{PAGE[scheme]}}}.goal{{stroke:{LINE[scheme]};stroke-width:1.5;stroke-dasharray:3 3}}{bars}"
    )
