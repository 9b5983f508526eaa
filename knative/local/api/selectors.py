"""labelSelector and fieldSelector, as in `kubectl get -l 'app in (a,b),!canary' --field-selector metadata.name=x`."""

import re
from collections.abc import Callable, Mapping

from knative.local.api.status import bad_request
from knative.local.objects import Object

Labels = Mapping[str, str]
LabelTest = Callable[[Labels], bool]

_SET = re.compile(r"^(?P<key>[^\s!=,()]+)\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^\s!=,()]+)\s*(?P<operator>==|=|!=)\s*(?P<value>[^\s!=,()]*)$")
_EXISTS = re.compile(r"^(?P<not>!?)\s*(?P<key>[^\s!=,()]+)$")


def labels(selector: str) -> LabelTest:
    tests = [_label_test(each.strip()) for each in _split(selector)]
    return lambda found: all(test(found) for test in tests)


def _split(selector: str) -> list[str]:
    """At the commas outside parentheses."""
    return [each for each in re.split(r",(?![^()]*\))", selector) if each.strip()]


def _label_test(text: str) -> LabelTest:
    if match := _SET.match(text):
        key, values = match["key"], {value.strip() for value in match["values"].split(",")}
        if match["operator"] == "in":
            return lambda found: found.get(key) in values
        return lambda found: found.get(key) not in values
    if match := _EQUAL.match(text):
        key, value = match["key"], match["value"]
        if match["operator"] == "!=":
            return lambda found: found.get(key) != value
        return lambda found: found.get(key) == value
    if match := _EXISTS.match(text):
        key = match["key"]
        if match["not"]:
            return lambda found: key not in found
        return lambda found: key in found
    raise bad_request(f'unable to parse requirement: "{text}"')


def selector_labels(selector: Object | None) -> LabelTest:
    """The same for a LabelSelector in an object (matchLabels, matchExpressions)."""
    selector = selector or {}
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        key, values = expression["key"], ",".join(expression.get("values") or ())
        word = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key, "DoesNotExist": f"!{key}"}
        parts.append(word[expression["operator"]])
    return labels(",".join(parts))


def fields(selector: str) -> Callable[[Object], bool]:
    tests: list[tuple[list[str], bool, str]] = []
    for text in _split(selector):
        match = _EQUAL.match(text.strip())
        if match is None:
            raise bad_request(f'invalid field selector: "{text}"')
        tests.append((match["key"].split("."), match["operator"] != "!=", match["value"]))
    return lambda found: all((_at(found, path) == value) is wanted for path, wanted, value in tests)


def _at(found: object, path: list[str]) -> str:
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    return "" if found is None else str(found)
