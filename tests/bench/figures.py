"""docs/bench.md: what `bench --write` measured, for a reader. A row may be of an earlier run than another: each names its run."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from tests.bench.report import SYSTEM, Row, short, table

HEAD = """# Measured

Written by `./taskw bench --write`; [Performance](performance.md) says how to measure, where the time goes and what limits it. All rounds are in
[bench.json](bench.json). Compare ratios within a row: its systems ran in turn, round after round; absolute values differ from machine to machine.

![Rates and times beside the peers](bench.svg)
"""


def figures(rows: Sequence[Row], captions: Mapping[str, str], references: Sequence[str]) -> str:
    """A Markdown document. `captions`: by title of the row, the day, machine and rounds of its run."""
    parts = [HEAD]
    for caption, group in groupby(rows, lambda row: captions[row.title]):
        found = list(group)
        parts += [f"## {caption}\n", medians(found), "\n### Every number\n", table(found, references), ""]
    return "\n".join(parts)


def medians(rows: Sequence[Row]) -> str:
    """A table of the headlines: a line for each row, a column for each system, and what Capsule's goals are."""
    systems = list(dict.fromkeys(system for row in rows for system in row.rounds))
    lines = [f"| | unit | {' | '.join(systems)} | goal of {SYSTEM} |", f"|---|---|{'--:|' * len(systems)}---|"]
    for row in rows:
        cells = [short(value) if (value := row.median(system, row.headline)) is not None else "" for system in systems]
        lines.append(f"| {row.title} | {row.unit} | {' | '.join(cells)} | {'; '.join(row.verdicts(SYSTEM))} |")
    return "\n".join(lines)
