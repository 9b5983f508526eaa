"""Label selectors: in objects (LabelSelector) and as text (`app in (a,b),!canary`). Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any

Labels = Mapping[str, str]
LabelTest = Callable[[Labels], bool]

_SET = re.compile(r"^(?P<key>[^\s!=,()]+)\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUALITY = re.compile(r"^(?P<key>[^\s!=,()]+)\s*(?P<operator>==|=|!=)\s*(?P<value>[^\s!=,()]*)$")
_EXISTENCE = re.compile(r"^(?P<not>!?)\s*(?P<key>[^\s!=,()]+)$")


class InvalidSelector(ValueError):
    """A selector that cannot be parsed."""


def parse(selector: str) -> LabelTest:
    """Return the test of a selector in kubectl's notation. Raises InvalidSelector."""
    tests = [_requirement(each.strip()) for each in split(selector)]
    return lambda labels: all(test(labels) for test in tests)


def split(selector: str) -> list[str]:
    """Split a selector at the commas outside parentheses."""
    return [each for each in re.split(r",(?![^()]*\))", selector) if each.strip()]


def from_object(selector: Mapping[str, Any] | None) -> LabelTest:
    """Return the test of a LabelSelector (matchLabels, matchExpressions).

    An absent or empty one selects everything. Raises InvalidSelector.
    """
    tests = [_equals(key, value) for key, value in ((selector or {}).get("matchLabels") or {}).items()]
    tests += [_expression(each) for each in (selector or {}).get("matchExpressions") or ()]
    return lambda labels: all(test(labels) for test in tests)


def _requirement(text: str) -> LabelTest:
    if match := _SET.match(text):
        values = {value.strip() for value in match["values"].split(",")}
        return _in(match["key"], values) if match["operator"] == "in" else _not(_in(match["key"], values))
    if match := _EQUALITY.match(text):
        equals = _equals(match["key"], match["value"])
        return _not(equals) if match["operator"] == "!=" else equals
    if match := _EXISTENCE.match(text):
        return _not(_exists(match["key"])) if match["not"] else _exists(match["key"])
    raise InvalidSelector(f'unable to parse requirement: "{text}"')


def _expression(expression: Mapping[str, Any]) -> LabelTest:
    key, values = expression["key"], set(expression.get("values") or ())
    match expression["operator"]:
        case "In":
            return _in(key, values)
        case "NotIn":
            return _not(_in(key, values))
        case "Exists":
            return _exists(key)
        case "DoesNotExist":
            return _not(_exists(key))
        case operator:
            raise InvalidSelector(f'"{operator}" is not a label selector operator')


def _equals(key: str, value: str) -> LabelTest:
    return lambda labels: labels.get(key) == value


def _in(key: str, values: set[str]) -> LabelTest:
    return lambda labels: labels.get(key) in values


def _exists(key: str) -> LabelTest:
    return lambda labels: key in labels


def _not(test: LabelTest) -> LabelTest:
    return lambda labels: not test(labels)
