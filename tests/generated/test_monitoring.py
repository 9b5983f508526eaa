"""Prometheus' rules and the Grafana dashboard: every metric exists and has the labels, and every runbook is a section."""

import json
import re
from typing import Any

import pytest
import yaml

from tests.documents.test_references import anchors
from tests.generated.kinds import PROJECT

FOLDER = PROJECT / "knative" / "monitoring"
SUFFIXES = ("_bucket", "_sum", "_count")
PROCESS = "process_resident_memory_bytes"


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load((FOLDER / "prometheus-rules.yaml").read_text())["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    return dict(json.loads((FOLDER / "grafana-dashboard.json").read_text()))


def expressions() -> list[str]:
    return [rule["expr"] for rule in rules()] + [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]


def known() -> dict[str, set[str]]:
    """Metric → its labels, from the table that is generated from the declarations."""
    rows = re.findall(r"^\| `(capsule_\w+)` \| ([^|]*) \| ([^|]*) \|", (PROJECT / "docs" / "metrics.md").read_text(), re.M)
    return {name: {*re.findall(r"`(\w+)`", labels), *(["le"] if "histogram" in kind else [])} for name, kind, labels in rows}


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_exists_with_its_labels(expression: str) -> None:
    metrics = known()
    names = [re.sub("|".join(f"{each}$" for each in SUFFIXES), "", name) for name in re.findall(r"\bcapsule_\w+", expression)]
    assert (names or re.findall(r"\bprocess_\w+", expression) == [PROCESS]) and set(names) <= set(metrics), expression
    labels = {label for name in names for label in metrics[name]} | {"instance"}
    used = {label.strip() for group in re.findall(r"\b(?:by|without) \(([^)]*)\)", expression) for label in group.split(",")}
    used |= set(re.findall(r"[{,](\w+)[=!]", expression))
    assert used <= labels, f"{used - labels} in {expression}"
    assert expression.count("(") == expression.count(")")


def test_every_alert_says_what_happened_and_where_to_read_on() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning") and rule["annotations"]["summary"].endswith(".")
        document, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert anchor in anchors(PROJECT / document), rule["alert"]


def test_panels_have_units_and_places_of_their_own() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) == len({(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels})
    assert all(panel["fieldConfig"]["defaults"]["unit"] and panel["targets"] for panel in panels)
