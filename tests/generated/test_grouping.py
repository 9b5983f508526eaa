"""The Service of a grouped context has the union of what its functions have, and no more connections or messages."""

from collections.abc import Sequence
from typing import Any

import pytest

from functions.describe.catalog import Catalog
from functions.describe.knative import FROM_PODS, context_manifests, group_manifests
from functions.describe.services import Manifest, listing_account
from functions.kernel import Declaration, Kind, Scale
from functions.runtime.config.registry import Registry, contexts, wiring_of
from functions.runtime.serving import grouping, topology

CATALOG = Catalog.of(Registry.load().declarations)


def of_kind(manifests: Sequence[Manifest], kind: str) -> list[Manifest]:
    return [each for each in manifests if each["kind"] == kind]


def single(context: str, kind: str = "Service") -> list[Manifest]:
    return of_kind(context_manifests(CATALOG, context, wiring_of), kind)


def grouped(context: str, kind: str = "Service") -> list[Manifest]:
    return of_kind(group_manifests(CATALOG, context, wiring_of), kind)


def template(manifest: Manifest) -> dict[str, Any]:
    found: dict[str, Any] = manifest["spec"]["template"]
    return found


def grants(manifest: Manifest) -> set[str]:
    """Return what a pod gets from Secrets, ConfigMaps and its service account."""
    spec = template(manifest)["spec"]
    (container,) = spec["containers"]
    environment = {str(each) for each in (*container["env"], *container["envFrom"]) if each.get("name") != "CAPSULE_FUNCTION"}
    volumes = spec.get("volumes", ())
    sources = {str(source) for each in volumes for source in each.get("projected", {}).get("sources", ())}
    mounts = {str(each) for each in (*container.get("volumeMounts", ()), *volumes) if "projected" not in each}
    return environment | mounts | sources | {f"account {spec.get('serviceAccountName')}"}


@pytest.mark.parametrize("context", contexts())
def test_a_group_has_the_union_of_what_its_functions_have(context: str) -> None:
    [service] = grouped(context)
    union = set[str]().union(*map(grants, single(context)))
    if len({each for each in union if each.startswith("account ")}) > 1:
        union -= {"account None", f"account {listing_account(context)}"}  # the account of the cluster, which lists the functions too
    assert grants(service) == union


@pytest.mark.parametrize("context", contexts())
def test_a_group_never_has_more_connections_or_messages_than_its_functions(context: str) -> None:
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
def test_a_group_scales_by_the_maxima_and_waits_for_every_deadline(context: str) -> None:
    declarations, [service] = CATALOG.of_context(context), grouped(context)
    found, annotations = template(service)["spec"], template(service)["metadata"]["annotations"]
    assert annotations["autoscaling.knative.dev/min-scale"] == str(max(each.scale.min for each in declarations))
    assert annotations["autoscaling.knative.dev/max-scale"] == str(max(each.scale.max for each in declarations))
    assert found["containerConcurrency"] == max(each.scale.concurrency for each in declarations)
    assert found["timeoutSeconds"] > max(each.deadline_seconds for each in declarations)
    assert found["containers"][0]["env"][0] == {"name": "CAPSULE_FUNCTION", "value": f"{context}.*"}


@pytest.mark.parametrize("context", contexts())
def test_a_group_receives_all_messages_of_its_functions(context: str) -> None:
    [trigger] = grouped(context, "Trigger")
    annotations = trigger["metadata"]["annotations"]
    names, types = annotations[topology.FUNCTIONS].split(","), annotations[topology.GROUPED_EVENTS].split(",")
    assert names[0] == trigger["spec"]["subscriber"]["uri"].removeprefix("/") == f"{context}.*"
    type_by_name = {
        each["metadata"]["annotations"][topology.FUNCTIONS]: each["spec"]["filter"]["attributes"]["type"] for each in single(context, "Trigger")
    }
    assert set(names[1:]) == set(type_by_name)
    assert set(types) == {type for name, type in type_by_name.items() if name != type}
    ticks = {each["spec"]["sink"]["uri"]: each["spec"]["schedule"] for each in grouped(context, "PingSource")}
    assert ticks == {each["spec"]["sink"]["uri"]: each["spec"]["schedule"] for each in single(context, "PingSource")}
    assert ticks


def test_only_the_group_that_handles_logs_is_not_collected() -> None:
    collected = {context: template(service)["metadata"]["labels"]["capsule.dev/collect"] for context in contexts() for service in grouped(context)}
    handling = {each.context for each in CATALOG.declarations if each.message_type in FROM_PODS}
    assert handling == {"monitor"}
    assert collected == {context: str(context not in handling).lower() for context in contexts()}


def schedule(**scale: int) -> Declaration:
    async def handler() -> None: ...

    return Declaration(Kind.SCHEDULE, handler, scale=Scale(**scale), context_name="test")


def test_scale_and_shares_of_a_group() -> None:
    large, small, always_on = (
        schedule(max=20, concurrency=64, pool=4),
        schedule(max=2, concurrency=4, pool=1),
        schedule(min=1, max=3, concurrency=20, pool=2),
    )
    scale = grouping.group_scale([large, small, always_on])
    assert scale == Scale(min=1, max=20, concurrency=64, pool=(80 + 2 + 6) // 20)
    assert [grouping.share(each, scale) for each in (large, small, always_on)] == [64, 1, 3]


def test_a_group_of_one_function_has_its_scale() -> None:
    single_function = schedule(min=1, max=7, concurrency=3, pool=4)
    assert grouping.group_scale([single_function]) == single_function.scale
    assert grouping.share(single_function, single_function.scale) == 3
