"""labelSelector and fieldSelector of a request, as in `kubectl get -l 'app in (a,b),!canary' --field-selector metadata.name=x`."""

import re
from collections.abc import Callable, Mapping

from knative.local import label_selectors
from knative.local.api.status import bad_request
from knative.local.label_selectors import InvalidSelector, LabelTest
from knative.local.objects import Object

_COMPARISON = re.compile(r"^(?P<key>[^\s!=,()]+)\s*(?P<operator>==|=|!=)\s*(?P<value>[^\s!=,()]*)$")


def labels(selector: str) -> LabelTest:
    """Return the test of a labelSelector. Raises StatusError (400)."""
    try:
        return label_selectors.parse(selector)
    except InvalidSelector as error:
        raise bad_request(str(error)) from error


def fields(selector: str) -> Callable[[Object], bool]:
    """Return the test of a fieldSelector. Raises StatusError (400)."""
    requirements: list[tuple[list[str], bool, str]] = []
    for text in label_selectors.split(selector):
        match = _COMPARISON.match(text.strip())
        if match is None:
            raise bad_request(f'invalid field selector: "{text}"')
        requirements.append((match["key"].split("."), match["operator"] != "!=", match["value"]))
    return lambda object: all((_value_at(object, path) == value) is must_equal for path, must_equal, value in requirements)


def _value_at(value: object, path: list[str]) -> str:
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return "" if value is None else str(value)
