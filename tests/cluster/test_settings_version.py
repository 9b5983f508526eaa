"""Changed settings are a change of what reads them, so that one `apply` rolls them out, to the gateway that always runs too."""

from typing import Any

from knative.cluster.settings_version import ANNOTATION, with_settings_version
from tests.cluster import small

READS = [{"configMapRef": {"name": "capsule-settings", "optional": True}}]


def versions(**settings: str) -> dict[str, str]:
    """Name → the annotation, of those objects that have it."""
    objects = [small.settings(**settings), small.service("reads", envFrom=READS), small.service("other"), small.job(envFrom=READS), plain_service()]
    found: dict[str, dict[str, Any]] = {
        each["metadata"]["name"]: each.get("spec", {}).get("template", {}).get("metadata", {}).get("annotations") or {}
        for each in with_settings_version(objects)
    }
    return {name: annotations[ANNOTATION] for name, annotations in found.items() if ANNOTATION in annotations}


def plain_service() -> small.Object:
    return {"apiVersion": "v1", "kind": "Service", "metadata": small.metadata("plain"), "spec": {"ports": [{"port": 80}]}}


def test_only_changed_settings_change_what_reads_them() -> None:
    first, same, other = versions(CAPSULE_MODE="a"), versions(CAPSULE_MODE="a"), versions(CAPSULE_MODE="b")
    assert list(first) == ["reads"], "a Job reads what it finds when it runs"
    assert first == same != other


def test_the_other_annotations_stay() -> None:
    [_, service] = with_settings_version([small.settings(CAPSULE_MODE="a"), small.service(envFrom=READS, min_scale=1)])
    assert service["spec"]["template"]["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"] == "1"


def test_an_overlay_without_settings_stays_as_it_is() -> None:
    assert with_settings_version([small.service(envFrom=READS)]) == [small.service(envFrom=READS)]
