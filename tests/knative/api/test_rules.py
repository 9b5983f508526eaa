"""What the webhooks of Knative refuse, and what they admit: the same values as in the sources of Serving and Eventing. Without a server."""

import copy
from typing import Any

import pytest
import yaml

from knative.local.api import rules
from knative.local.api.schema import immutability_causes, schema_causes, whole, with_defaults
from knative.local.definitions import load
from knative.local.objects import kind_of
from tests.knative.api.test_validation import AUTOSCALING, CONTAINER, SERVICE, changed
from tests.knative.conformance.admission import ADMITTED, POD, REFUSED


def fields(object: dict[str, Any], **features: str) -> list[str]:
    """Return the fields that are at fault, [] for an object that is admitted."""
    definition = load().of(kind_of(object))
    complete = with_defaults(object, whole(definition))
    return [cause.field for cause in schema_causes(complete, definition) or rules.causes(complete, features)]


@pytest.mark.parametrize(("text", "at", "value"), ADMITTED)
def test_what_a_cluster_admits_is_admitted(text: str, at: str, value: object) -> None:
    assert fields(changed(text, at, value)) == []


@pytest.mark.parametrize(("text", "at", "value", "field"), REFUSED)
def test_what_a_cluster_refuses_is_refused(text: str, at: str, value: object, field: str) -> None:
    assert fields(changed(text, at, value)) == [field]


@pytest.mark.parametrize(
    ("feature", "at", "value"),
    [
        ("kubernetes.podspec-fieldref", CONTAINER + "env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
        ("kubernetes.podspec-affinity", POD + "affinity", {"podAffinity": {}}),
        ("kubernetes.podspec-securitycontext", POD + "securityContext", {"fsGroup": 1}),
        ("kubernetes.containerspec-addcapabilities", CONTAINER + "securityContext", {"capabilities": {"add": ["NET_RAW"]}}),
    ],
)
def test_a_feature_admits_its_field(feature: str, at: str, value: object) -> None:
    object = changed(SERVICE, at, value)
    assert fields(object, **{feature: "Enabled"}) == [] and fields(object, **{feature: "Disabled"}) != []


@pytest.mark.parametrize(
    ("low", "high", "activation", "is_admitted"), [("2", "1", "2", False), ("3", "0", "2", False), ("0", "2", "3", False), ("1", "3", "2", True)]
)
def test_the_scales_are_in_order(low: str, high: str, activation: str, is_admitted: bool) -> None:
    object = changed(SERVICE, AUTOSCALING + "min-scale", low)
    object["spec"]["template"]["metadata"]["annotations"] |= {
        "autoscaling.knative.dev/maxScale": high, "autoscaling.knative.dev/activation-scale": activation,
    }  # fmt: skip
    assert (fields(object) == []) is is_admitted


def test_the_newer_spelling_of_a_scale_wins() -> None:
    object = changed(SERVICE, AUTOSCALING + "min-scale", "2")
    for high, is_admitted in (("3", True), ("1", False)):
        object["spec"]["template"]["metadata"]["annotations"] |= {
            "autoscaling.knative.dev/max-scale": high, "autoscaling.knative.dev/maxScale": str(4 - int(high)),
        }  # fmt: skip
        assert (fields(object) == []) is is_admitted


def test_a_template_with_a_name_changes_with_its_name() -> None:
    old = changed(SERVICE, "spec>template>metadata>name", "web-1")
    new = copy.deepcopy(old)
    assert not list(rules.change_causes(new, old))
    new["spec"]["template"]["spec"]["containers"][0]["image"] = "y"
    assert [cause.field for cause in rules.change_causes(new, old)] == ["spec.template.metadata.name"]
    new["spec"]["template"]["metadata"]["name"] = "web-2"
    assert not list(rules.change_causes(new, old))
    unnamed = yaml.safe_load(SERVICE)
    assert not list(rules.change_causes(changed(SERVICE, CONTAINER + "image", "y"), unnamed))
    assert not list(immutability_causes(new, old, whole(load().of(kind_of(new)))))
