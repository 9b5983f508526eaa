"""Compare a run with the committed one, by ratios to the same reference in each run: absolute values differ between machines."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.bench.report import Row

TOLERANCE = 0.15


def find_fallen(rows: Sequence[Row], committed: Mapping[str, Any], reference: str) -> list[str]:
    """Return a sentence for each row and system whose ratio to `reference` is worse than the committed one by more than TOLERANCE.

    `committed`: `rows` of docs/bench.json. Rows and systems that only one of the two runs has are not compared.
    """
    fallen = []
    for row in rows:
        before = Row(row.title, row.unit, row.headline, row.more_is_better, dict(committed.get(row.title, {}).get("rounds", {})))
        for system in row.rounds:
            now, then = row.ratio(system, reference), before.ratio(system, reference)
            if now is None or then is None:
                continue
            gain = now / then if row.more_is_better else then / now
            if gain < 1 - TOLERANCE:
                fallen.append(f"{row.title}: {system} has {now:.2f} × {reference}, {then:.2f} × in the committed run")
    return fallen
