"""Label selectors in objects and as text."""

from typing import Any

import pytest

from knative.local import label_selectors
from knative.local.label_selectors import InvalidSelector


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        (None, True),
        ({}, True),
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "2"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "b", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}, True),
    ],
)
def test_selectors_in_objects(selector: dict[str, Any] | None, matches: bool) -> None:
    assert label_selectors.from_object(selector)({"a": "1"}) is matches


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("", True),
        ("a=1", True),
        ("a==2", False),
        ("a!=2,a", True),
        ("!b,a in (1, 2)", True),
        ("a notin (1)", False),
        ("b", False),
    ],
)
def test_selectors_as_text(selector: str, matches: bool) -> None:
    assert label_selectors.parse(selector)({"a": "1"}) is matches


def test_invalid_selectors_are_refused() -> None:
    with pytest.raises(InvalidSelector, match="a b"):
        label_selectors.parse("a b")
    with pytest.raises(InvalidSelector, match="Near"):
        label_selectors.from_object({"matchExpressions": [{"key": "a", "operator": "Near"}]})
