"""`check`: what controllers work on at a time, before an `apply` of hundreds of objects waits for them."""

import re
import shlex
from typing import Any

import pytest

from knative.cluster.checks import controllers
from knative.machine.doctor.finding import Finding, Level

MANY = controllers.MANY


def deployment(name: str, namespace: str, replicas: int = 1, **variables: str) -> dict[str, Any]:
    env = [{"name": key, "value": value} for key, value in variables.items()]
    spec = {"replicas": replicas, "template": {"spec": {"containers": [{"name": "c", "env": env}]}}}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def defaults() -> list[dict[str, Any]]:
    return [deployment(each.deployment, each.namespace) for each in controllers.NEEDED]


def findings(deployments: list[dict[str, Any]], leaders: dict[str, str], services: int = MANY, triggers: int = MANY) -> list[Finding]:
    return list(controllers.controller_findings(deployments, leaders, services, triggers))


def followed(found: list[Finding]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The cluster after an operator has run the commands of the findings."""
    changed, leaders = defaults(), {}
    for command in (each for finding in found for each in finding.remedy.split("; ")):
        name = match[1] if (match := re.search(r"deployment/(\S+)", command)) else ""
        target = next((each for each in changed if each["metadata"]["name"] == name), None)
        if "configmap config-leader-election" in command:
            leaders = dict(re.findall(r'"(buckets)": "(\d+)"', command))
        elif target and (scaled := re.search(r"--replicas=(\d+)", command)):
            target["spec"]["replicas"] = int(scaled[1])
        elif target and " set env " in command:
            pairs = [each.split("=") for each in shlex.split(command) if "=" in each]
            target["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": key, "value": value} for key, value in pairs]
    return changed, leaders


def test_the_commands_of_the_findings_are_enough() -> None:
    found = findings(defaults(), {})
    assert [each.level for each in found] == [Level.WARNING] * (1 + len(controllers.NEEDED))
    assert all(each.remedy for each in found)
    assert [each.level for each in findings(*followed(found))] == [Level.GOOD]


def test_few_objects_need_no_settings() -> None:
    assert [each.level for each in findings(defaults(), {}, MANY - 1, MANY - 1)] == [Level.GOOD]
    assert findings(defaults(), {}, 1, MANY)[0].level is Level.WARNING


@pytest.mark.parametrize(("replicas", "buckets", "is_shared"), [(1, "2", False), (2, "1", False), (2, "2", True), (5, "3", True)])
def test_replicas_of_servings_controller_work_only_where_they_have_buckets(replicas: int, buckets: str, is_shared: bool) -> None:
    present, _ = followed(findings(defaults(), {}))
    present[0]["spec"]["replicas"] = replicas
    found = findings(present, {"buckets": buckets})
    assert [each.level for each in found] == [Level.GOOD if is_shared else Level.WARNING]


@pytest.mark.parametrize(("value", "is_enough"), [("40", True), ("39", False), ("", False), ("many", False)])
def test_a_value_that_is_much_lower_counts_as_not_set(value: str, is_enough: bool) -> None:
    present, leaders = followed(findings(defaults(), {}))
    present[0]["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = value
    found = findings(present, leaders)
    assert [each.level for each in found] == [Level.GOOD if is_enough else Level.WARNING]


def test_a_controller_of_the_same_name_elsewhere_does_not_count() -> None:
    present, leaders = followed(findings(defaults(), {}))
    assert [each.level for each in findings([deployment("controller", "metallb-system"), *present], leaders)] == [Level.GOOD]


def test_what_is_not_installed_is_a_finding_of_the_operators() -> None:
    assert [each.level for each in findings([], {})] == [Level.GOOD]
