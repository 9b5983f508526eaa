"""Jobs are named by version, and each stage is ready before the next one begins."""

from knative.cluster.jobs import LABEL, outdated, versioned
from knative.cluster.readiness import reason_of_pods, unready
from knative.cluster.releases import Release, dropped, former
from knative.cluster.stages import stages
from knative.machine.pinned_traffic import description, pinned
from tests.cluster import small


def test_a_job_keeps_its_name_until_its_specification_changes() -> None:
    first, again, other = versioned(small.job()), versioned(small.job()), versioned(small.job(image="registry.test/capsule:2"))
    assert first["metadata"]["name"] == again["metadata"]["name"] != other["metadata"]["name"]
    assert first["metadata"]["name"].startswith("auth-migration-") and first["metadata"]["labels"][LABEL] == "auth-migration"


def test_only_jobs_of_other_versions_are_outdated() -> None:
    current = versioned(small.job())
    older, plain = versioned(small.job(script="1")), small.job()
    foreign = {"metadata": {"name": "build-1", "labels": {}}}
    names = [each["metadata"]["name"] for each in outdated([current, older, plain, foreign], [current])]
    assert names == [older["metadata"]["name"], "auth-migration"]


def test_a_failed_job_of_this_version_makes_room_for_another_try() -> None:
    current = versioned(small.job())
    failed = {**current, "status": {"conditions": [{"type": "Failed", "status": "True"}]}}
    complete = {**current, "status": {"conditions": [{"type": "Complete", "status": "True"}]}}
    assert outdated([failed], [current]) and not outdated([complete], [current])


def test_migrations_come_before_functions_and_senders_after_them() -> None:
    objects = [
        small.trigger(), small.service("a"), small.service("b"), small.service("c"), small.job("capsule-topology"), small.job(), small.settings(),
        small.namespace(),
    ]  # fmt: skip
    found = stages(objects, batch=2)
    assert [stage.title for stage in found] == ["Namespace", "Policies", "Migrations", "Functions", "Triggers", "Jobs"]
    assert [len(batch) for batch in found[3].batches] == [2, 1]
    assert "Migrations" not in [stage.title for stage in stages(objects, migrates=False)]
    assert sum(len(stage.objects) for stage in found) == len(objects), "no object is left out"


def test_only_functions_that_start_a_pod_are_in_small_batches() -> None:
    def at_zero(name: str, min_scale: int = 0) -> small.Object:
        item = small.service(name, min_scale=min_scale)
        item["spec"]["template"]["metadata"]["annotations"]["autoscaling.knative.dev/initial-scale"] = "0"
        return item

    functions = [at_zero(f"f-{number}") for number in range(30)]
    [stage] = stages([*functions, small.service("grouped"), at_zero("edge-gateway", min_scale=1), small.service("another")], batch=2)
    names = [[each["metadata"]["name"] for each in batch] for batch in stage.batches]
    assert names[:2] == [["grouped", "edge-gateway"], ["another"]] and [len(batch) for batch in names[2:]] == [30]


def test_what_declares_the_exchanges_starts_before_the_functions_and_is_ready_after_the_triggers() -> None:
    watcher, other = ({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": small.metadata(name)} for name in ("capsule-topology", "another"))
    found = {stage.title: stage for stage in stages([small.trigger(), small.service(), watcher, other])}
    assert list(found) == ["Functions", "Triggers", "Workloads"], "a gateway is not ready without its exchanges, nor the watcher without its Triggers"
    assert found["Functions"].started == (watcher,) and found["Workloads"].objects == [watcher, other]


def release(number: int, state: str, *objects: small.Object) -> Release:
    return Release(number, small.IMAGE, "production", "2026-11-30T00:00:00+00:00", "ada", state, objects)


def test_a_record_holds_the_manifests() -> None:
    item = release(3, "applied", small.service(), small.job())
    manifest = item.manifest()
    assert Release.of(manifest) == item and manifest["metadata"]["name"] == "capsule-release-0003"


def test_a_rollback_goes_to_the_last_release_that_was_applied_to_the_end() -> None:
    releases = [release(4, "failed"), release(3, "failed"), release(2, "applied"), release(1, "applied")]
    assert former(releases).number == 2 and former(releases, 1).number == 1


def test_dropped_objects_are_those_of_the_former_release_only() -> None:
    before = (small.service("a"), small.service("b"), small.job(), small.namespace())
    assert [each["metadata"]["name"] for each in dropped(before, (small.service("a"),))] == ["b"]


def test_a_pinned_split_is_named() -> None:
    split = {**small.service(), "spec": {"traffic": [{"revisionName": "edge-gateway-00003", "percent": 90}, {"latestRevision": True, "percent": 10}]}}
    follows = {**small.service("b"), "spec": {"traffic": [{"latestRevision": True, "percent": 100}, {"revisionName": "b-00001", "tag": "old"}]}}
    assert [description(each) for each in pinned([split, follows, small.service("c")])] == ["edge-gateway: edge-gateway-00003 90 %, @latest 10 %"]


def test_a_workload_is_ready_when_all_its_pods_are_of_this_version() -> None:
    item = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "generation": 2}, "spec": {"replicas": 2}}
    status = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1, "availableReplicas": 2}
    assert unready(item, item) == "not reconciled yet"
    assert unready(item, {**item, "status": status}) == "1 of 2 pods are ready"
    assert unready(item, {**item, "status": {**status, "updatedReplicas": 2}}) is None
    daemons = {**item, "kind": "DaemonSet", "spec": {}}
    assert (
        unready(daemons, {**daemons, "status": {"observedGeneration": 2, "desiredNumberScheduled": 3, "numberAvailable": 2}})
        == "0 of 3 pods are ready"
    )
    assert unready(item, None) == "does not exist"


def test_the_reason_of_a_pod_that_does_not_start_is_named() -> None:
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "manifest unknown"}}}
    assert reason_of_pods([{"status": {"containerStatuses": [waiting]}}]) == "ImagePullBackOff: manifest unknown"
    crash = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 3, "message": "no such table"}}}
    assert reason_of_pods([{"status": {"containerStatuses": [crash]}}]) == "CrashLoopBackOff; last exit code 3: no such table"
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: Insufficient memory"}
    assert reason_of_pods([{"status": {"conditions": [unscheduled]}}]) == "Unschedulable: 0/1 nodes: Insufficient memory"
    assert reason_of_pods([{"status": {"containerStatuses": [{"state": {"running": {}}}]}}]) is None
