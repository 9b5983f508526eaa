"""Samples in Prometheus' text format (pure), of a few metrics out of many."""

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.parser import text_string_to_metric_families

Sample = tuple[str, Mapping[str, str], float]
"""Name, labels, value."""


def samples(text: str, prefixes: Sequence[str]) -> Iterator[Sample]:
    """Return the samples of metrics with names that begin with a prefix. Raises ValueError for text in another format.

    Other lines are not parsed: a queue-proxy exposes hundreds about its Go runtime.
    """
    names = tuple(prefixes)
    lines = "".join(f"{line}\n" for line in text.splitlines() if line.startswith(names))
    for family in text_string_to_metric_families(lines):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value
