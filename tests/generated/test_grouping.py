"""One Service for a whole context is given the union of what its functions were given apart, and takes no more of the world than they did."""

from collections.abc import Sequence
from typing import Any

import pytest

from functions.describe.catalog import Catalog
from functions.describe.knative import FROM_PODS, context_manifests, group_manifests
from functions.describe.services import Manifest
from functions.kernel import Declaration, Kind, Scale
from functions.runtime.config.registry import Registry, contexts, wiring_of
from functions.runtime.serving import grouping, topology

CATALOG = Catalog.of(Registry.load().declarations)


def of_kind(manifests: Sequence[Manifest], kind: str) -> list[Manifest]:
    return [each for each in manifests if each["kind"] == kind]


def apart(context: str, kind: str = "Service") -> list[Manifest]:
    return of_kind(context_manifests(CATALOG, context, wiring_of), kind)


def group(context: str, kind: str = "Service") -> list[Manifest]:
    return of_kind(group_manifests(CATALOG, context, wiring_of), kind)


def template(manifest: Manifest) -> dict[str, Any]:
    found: dict[str, Any] = manifest["spec"]["template"]
    return found


def given(manifest: Manifest) -> set[str]:
    """Everything that a pod of it gets from a Secret, a ConfigMap or an account."""
    spec = template(manifest)["spec"]
    (container,) = spec["containers"]
    environment = {str(each) for each in (*container["env"], *container["envFrom"]) if each.get("name") != "CAPSULE_FUNCTION"}
    mounts = {str(each) for each in (*container.get("volumeMounts", ()), *spec.get("volumes", ()))}
    return environment | mounts | {f"account {spec.get('serviceAccountName')}"}


@pytest.mark.parametrize("context", contexts())
def test_a_group_is_given_the_union_of_what_its_functions_are_given(context: str) -> None:
    [together] = group(context)
    union = set[str]().union(*map(given, apart(context)))
    if len({each for each in union if each.startswith("account ")}) > 1:
        union.discard("account None")  # one of them has an account
    assert given(together) == union


@pytest.mark.parametrize("context", contexts())
def test_a_group_never_takes_more_connections_or_messages_than_its_functions_apart(context: str) -> None:
    declarations = CATALOG.of_context(context)
    scale = grouping.group_scale(declarations)
    roles = len({each.is_writing for each in declarations})
    assert scale.max * scale.pool * roles <= sum(each.scale.max * each.scale.pool for each in declarations)
    assert scale.pool >= 1
    for each in declarations:
        share = grouping.share(each, scale)
        assert 1 <= share <= min(each.scale.concurrency, scale.concurrency), each.name
        if share > 1:
            assert share * scale.max <= each.scale.max * each.scale.concurrency, each.name


@pytest.mark.parametrize("context", contexts())
def test_a_groups_service_scales_as_the_rules_say_and_waits_for_every_deadline(context: str) -> None:
    declarations, [service] = CATALOG.of_context(context), group(context)
    found, annotations = template(service)["spec"], template(service)["metadata"]["annotations"]
    assert annotations["autoscaling.knative.dev/min-scale"] == str(max(each.scale.min for each in declarations))
    assert annotations["autoscaling.knative.dev/max-scale"] == str(max(each.scale.max for each in declarations))
    assert found["containerConcurrency"] == max(each.scale.concurrency for each in declarations)
    assert found["timeoutSeconds"] > max(each.deadline_seconds for each in declarations)
    assert found["containers"][0]["env"][0] == {"name": "CAPSULE_FUNCTION", "value": f"{context}.*"}


@pytest.mark.parametrize("context", contexts())
def test_a_group_is_reached_by_whatever_reached_its_functions(context: str) -> None:
    [together] = group(context, "Trigger")
    annotations = together["metadata"]["annotations"]
    names, types = annotations[topology.FUNCTIONS].split(","), annotations[topology.GROUPED_EVENTS].split(",")
    assert names[0] == together["spec"]["subscriber"]["uri"].removeprefix("/") == f"{context}.*"
    alone = {each["metadata"]["annotations"][topology.FUNCTIONS]: each["spec"]["filter"]["attributes"]["type"] for each in apart(context, "Trigger")}
    assert set(names[1:]) == set(alone)
    assert set(types) == {type for name, type in alone.items() if name != type}
    ticks = {each["spec"]["sink"]["uri"]: each["spec"]["schedule"] for each in group(context, "PingSource")}
    assert ticks == {each["spec"]["sink"]["uri"]: each["spec"]["schedule"] for each in apart(context, "PingSource")}
    assert ticks


def test_only_the_group_that_takes_logs_in_is_not_collected_itself() -> None:
    told = {context: template(service)["metadata"]["labels"]["capsule.dev/collect"] for context in contexts() for service in group(context)}
    takes_in = {each.context for each in CATALOG.declarations if each.message_type in FROM_PODS}
    assert takes_in == {"monitor"}
    assert told == {context: str(context not in takes_in).lower() for context in contexts()}


def declared(**scale: int) -> Declaration:
    async def handler() -> None: ...

    return Declaration(Kind.SCHEDULE, handler, scale=Scale(**scale), context_name="test")


def test_the_rules_by_numbers() -> None:
    busy, careful, warm = (
        declared(max=20, concurrency=64, pool=4),
        declared(max=2, concurrency=4, pool=1),
        declared(min=1, max=3, concurrency=20, pool=2),
    )
    scale = grouping.group_scale([busy, careful, warm])
    assert scale == Scale(min=1, max=20, concurrency=64, pool=(80 + 2 + 6) // 20)
    assert [grouping.share(each, scale) for each in (busy, careful, warm)] == [64, 1, 3]


def test_one_function_alone_keeps_its_own() -> None:
    alone = declared(min=1, max=7, concurrency=3, pool=4)
    assert grouping.group_scale([alone]) == alone.scale
    assert grouping.share(alone, alone.scale) == 3
