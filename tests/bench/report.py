"""Results as rows, their goals, and a Markdown table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

Numbers = Mapping[str, float]
SYSTEM = "Capsule"
"""The system that the goals are for: this checkout, with warm functions that consume their queues."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit of a number of the row, or of its ratio to another system.

    `number`: empty is the row's headline. `reference`: a system; empty: the number itself is compared.
    """

    limit: float
    is_minimum: bool
    reference: str = ""
    number: str = ""

    @property
    def text(self) -> str:
        target = f"{self.limit:,g} × {self.reference}" if self.reference else f"{self.limit:,g}"
        return f"{f'{self.number} ' if self.number else ''}{'≥' if self.is_minimum else '≤'} {target}"


def at_least(limit: float, reference: str = "", number: str = "") -> Goal:
    return Goal(limit, True, reference, number)


def at_most(limit: float, reference: str = "", number: str = "") -> Goal:
    return Goal(limit, False, reference, number)


@dataclass
class Row:
    """One row of the results: the numbers of each round, by system."""

    title: str
    unit: str
    headline: str
    """The name of the number that is compared and drawn."""
    more_is_better: bool = True
    rounds: dict[str, list[Numbers]] = field(default_factory=dict)
    goals: tuple[Goal, ...] = ()

    @classmethod
    def from_json(cls, title: str, stored: Mapping[str, Any]) -> "Row":
        """`stored`: of docs/bench.json. Runs before 0.3 stored no headline: their rows cannot be drawn again."""
        goals = tuple(Goal(**goal) for goal in stored.get("goals", ()))
        return cls(title, stored["unit"], stored.get("headline", ""), stored.get("moreIsBetter", True), dict(stored["rounds"]), goals)

    def to_json(self, caption: str) -> dict[str, Any]:
        goals = [asdict(goal) for goal in self.goals]
        return {
            "unit": self.unit, "headline": self.headline, "moreIsBetter": self.more_is_better, "goals": goals, "caption": caption,
            "rounds": self.rounds,
        }  # fmt: skip

    def add(self, system: str, numbers: Numbers) -> None:
        self.rounds.setdefault(system, []).append(numbers)

    def median(self, system: str, name: str) -> float | None:
        values = [numbers[name] for numbers in self.rounds.get(system, ()) if name in numbers]
        return median(values) if values else None

    def spread(self, system: str) -> str:
        values = sorted(numbers[self.headline] for numbers in self.rounds[system])
        return f"{short(values[0])}–{short(values[-1])}" if len(values) > 1 else ""

    def ratio(self, system: str, reference: str) -> float | None:
        return self._ratio(system, reference, self.headline)

    def _ratio(self, system: str, reference: str, name: str) -> float | None:
        value, base = self.median(system, name), self.median(reference, name)
        return None if value is None or not base or system == reference else value / base

    def goal_position(self, goal: Goal) -> float | None:
        """The headline that the goal asks for. None: it is of another number, or its reference was not measured."""
        if goal.number not in ("", self.headline):
            return None
        base = self.median(goal.reference, self.headline) if goal.reference else 1.0
        return None if base is None else base * goal.limit

    def verdicts(self, system: str) -> list[str]:
        """Each goal, and whether the system reaches it, as far as it was measured."""
        return [f"{goal.text}: {verdict}" if (verdict := self._verdict(system, goal)) else goal.text for goal in self.goals]

    def _verdict(self, system: str, goal: Goal) -> str:
        name = goal.number or self.headline
        value = self._ratio(system, goal.reference, name) if goal.reference else self.median(system, name)
        if value is None:
            return ""
        is_reached = value >= goal.limit if goal.is_minimum else value <= goal.limit
        return "reached" if is_reached else "missed"


def short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"


def table(rows: Sequence[Row], references: Sequence[str]) -> str:
    """A Markdown table. Ratios are to the medians of the systems `references`, as far as they were measured. Goals stand beside Capsule's figures."""
    references = [each for each in references if any(each in row.rounds for row in rows)]
    columns = "".join(f" × {each} |" for each in references)
    lines = [f"| | system | median | rounds |{columns} goal | more |", f"|---|---|--:|--:|{'--:|' * len(references)}---|---|"]
    for row in rows:
        for system, numbers in row.rounds.items():
            ratios = [row.ratio(system, each) for each in references]
            others = [f"{name} {short(value)}" for name in numbers[0] if name != row.headline and (value := row.median(system, name)) is not None]
            verdicts = row.verdicts(system) if system == SYSTEM else []
            lines.append(
                f"| {row.title} | {system} | {short(row.median(system, row.headline) or 0)} {row.unit} | {row.spread(system)} | "
                f"{''.join(f'{ratio:.2f} | ' if ratio is not None else ' | ' for ratio in ratios)}{'; '.join(verdicts)} | {', '.join(others)} |"
            )
    return "\n".join(lines)
