"""Declared metrics of an endpoint that Prometheus scrapes: name, type, labels, unit, meaning. Pure.

Each component declares its metrics in one module, as `ENDPOINT`, and builds them from their declarations. The reference page
docs/metrics.md is generated from them. Names and units follow https://prometheus.io/docs/practices/naming/.
"""

from dataclasses import dataclass
from enum import StrEnum


class Type(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Metric:
    """`name`: without the suffix `_total` of a counter, as in the library. `meaning`: one sentence, also the text of `# HELP`."""

    name: str
    type: Type
    unit: str
    meaning: str
    labels: tuple[str, ...] = ()

    @property
    def series(self) -> str:
        """The name that a query starts with."""
        return f"{self.name}_total" if self.type is Type.COUNTER else self.name


@dataclass(frozen=True, slots=True)
class Label:
    """`values`: which values the label has. They are bounded."""

    name: str
    values: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The metrics of one endpoint. `place`: its address and who may read it, in Markdown."""

    title: str
    place: str
    metrics: tuple[Metric, ...]
    labels: tuple[Label, ...]
