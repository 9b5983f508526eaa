"""`apply`: check, show the differences, then apply the stages one after the other and wait for each.

Interrupted, it can be repeated: what is applied and ready is passed quickly, and Jobs of this version that ended are not run again.
"""

import getpass
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import urllib3
from kubernetes.dynamic.exceptions import ApiException

from knative.cluster import readiness, releases
from knative.cluster.configuration_version import Stale, with_versions
from knative.cluster.connection import AT_ONCE, ClusterApi, being_deleted
from knative.cluster.differences import MANAGER
from knative.cluster.jobs import outdated, versioned
from knative.cluster.stages import Stage, stages
from knative.machine.cluster import OPERATOR, key, title
from knative.machine.installation_objects import NAMESPACE, Object
from knative.machine.pinned_traffic import description, pinned
from knative.machine.problems import Problem
from knative.machine.progress import Progress

POLL_SECONDS = 1.0
REST_OF_POLLS = 3
"""A poll of many objects costs the API and this machine time: the pause after it is at least so many times its own duration."""
PODS_AFTER_SECONDS = 10.0
"""From then on the pods of what is not ready are read, for a reason."""
HOPELESS_AFTER_SECONDS = 45.0
"""How long a reason that seldom ends by itself (an image that cannot be pulled) is waited for."""
RESTART_SECONDS = 600.0
PRUNE_SECONDS = 300.0
"""How long none of the deleted objects may disappear."""
MAX_NAMED = 8


@dataclass(frozen=True)
class Options:
    """`batch`: functions that start at the same time. `migrates`: False for a rollback.

    `prune`: delete what former releases had and this one has not.
    """

    batch: int
    migrates: bool = True
    prune: bool = False
    poll_seconds: float = POLL_SECONDS


def roll_out(cluster: ClusterApi, objects: tuple[Object, ...], image: str, source: str, progress: Progress, options: Options) -> releases.Release:
    """Apply the objects and wait until all are ready. Raises: Problem that names what is not ready and why; the release is then FAILED."""
    for each in objects:
        if each["kind"] == "Namespace" and ((cluster.get(each) or {}).get("status") or {}).get("phase") == "Terminating":
            raise being_deleted(each["metadata"]["name"])
    former = releases.history(cluster)
    plan = stages(with_versions(cluster, objects), options.batch, migrates=options.migrates)
    if plan[0].title == "Namespace":
        _run(cluster, plan.pop(0), progress, options)
    release = releases.begin(cluster, objects, image, source, getpass.getuser(), datetime.now(UTC))
    try:
        _remove_jobs(cluster, [versioned(each) for each in objects if each["kind"] == "Job"], progress)
        for stage in plan:
            _run(cluster, stage, progress, options)
    except BaseException:
        releases.finish(cluster, release, releases.FAILED)
        raise
    left = releases.left_over(cluster, former, objects)
    if left and options.prune:
        _prune(cluster, left, progress, options)
    elif left:
        progress.print(f"[yellow]![/] {len(left)} objects of former releases are left: {', '.join(title(each) for each in left[:MAX_NAMED])}")
        progress.print("  → When their queues are empty: ./taskw cluster apply --prune")
    for service in pinned(cluster.listed("serving.knative.dev/v1", "Service", NAMESPACE)):
        progress.print(f"[yellow]![/] pinned, the new version gets no requests: {description(service)}")
        progress.print(f"  → kn service update {service['metadata']['name']} -n {NAMESPACE} --traffic @latest=100")
    return releases.finish(cluster, release, releases.APPLIED)


def check_ready(cluster: ClusterApi, objects: tuple[Object, ...], progress: Progress, options: Options) -> None:
    """Wait until everything is ready, without a change. Raises: Problem."""
    with progress.step("Readiness") as step:
        for stage in stages(objects, options.batch):
            wait(cluster, stage.objects, stage.timeout_seconds, lambda *_: None, options.poll_seconds)
        step.detail = "nothing changes, and everything is ready"


def start_servers(cluster: ClusterApi, objects: tuple[Object, ...], progress: Progress, options: Options) -> None:
    """Apply only the namespaces and the servers that the overlay runs, and wait for them. Raises: Problem."""
    found = [stage for stage in stages(with_versions(cluster, objects)) if stage.title in ("Namespace", "Servers")]
    if not any(stage.title == "Servers" for stage in found):
        raise Problem("The overlay runs no servers.", "Add a component: rabbitmq, cloudnativepg. docs/cluster.md, Servers in the cluster")
    for stage in found:
        _run(cluster, stage, progress, options)


def restart(cluster: ClusterApi, items: list[Stale], progress: Progress, options: Options) -> None:
    """Replace the pods of workloads that run with former values, in batches, and wait until they are ready. Raises: Problem."""
    for start in range(0, len(items), options.batch):
        batch = items[start : start + options.batch]
        with progress.step("Restart") as step:
            cluster.apply([each.change for each in batch], OPERATOR)  # as MANAGER it would remove what it does not name

            def report(ready: int, first: str) -> None:
                step.detail = f"{ready} of {len(batch)} ready{f', waiting for {first}' if first else ''}"  # noqa: B023  # called in this round

            wait(cluster, [each.live for each in batch], RESTART_SECONDS, report, options.poll_seconds)
            more = f" and {len(batch) - MAX_NAMED} more" if len(batch) > MAX_NAMED else ""
            step.detail = ", ".join(each.live["metadata"]["name"] for each in batch[:MAX_NAMED]) + more


def _run(cluster: ClusterApi, stage: Stage, progress: Progress, options: Options) -> None:
    with progress.step(stage.title) as step:
        done, total = 0, len(stage.objects)
        cluster.apply(stage.started, MANAGER)
        for batch in stage.batches:
            cluster.apply(batch, MANAGER)
            before = done

            def report(ready: int, first: str) -> None:
                step.detail = f"{before + ready} of {total} ready{f', waiting for {first}' if first else ''}"  # noqa: B023  # called in this round

            wait(cluster, batch, stage.timeout_seconds, report, options.poll_seconds)
            done += len(batch)
        step.detail = f"{total} {'object' if total == 1 else 'objects'}"


def wait(
    cluster: ClusterApi, items: Iterable[Object], timeout_seconds: float, report: Callable[[int, str], None], poll_seconds: float = POLL_SECONDS
) -> None:
    """Wait until all are ready. `report(ready, title of the first that is not)` follows each poll.

    `timeout_seconds` begins anew whenever one more is ready: hundreds of dispatchers that start one after the other may take longer than one that
    never starts. A request to an API that does not answer is repeated until the time is over. Raises: Problem with a reason for each object,
    at once where waiting is useless.
    """
    items = list(items)
    started_at = advanced_at = time.monotonic()
    most_ready = 0
    hopeless_since: dict[tuple[str, str | None, str], float] = {}
    while True:
        polled_at = time.monotonic()
        elapsed, idle = polled_at - started_at, polled_at - advanced_at
        try:
            present = _present(cluster, items)
            pending = [(item, reason) for item in items if (reason := readiness.unready(item, present.get(key(item)))) is not None]
            pending = pending or readiness.unready_dispatchers(cluster, items)
            report(len(items) - len(pending), title(pending[0][0]) if pending else "")
            if not pending:
                return
            if len(items) - len(pending) > most_ready:
                most_ready, advanced_at, idle = len(items) - len(pending), polled_at, 0.0
            if elapsed > PODS_AFTER_SECONDS:
                count = (
                    1 if pending[0][0]["kind"] == "Trigger" else MAX_NAMED
                )  # all dispatchers of a Broker have the same labels: a list of them is long
                pending = [(item, _with_pods(cluster, item, reason)) for item, reason in pending[:count]] + pending[count:]
        except (ApiException, urllib3.exceptions.HTTPError) as error:
            if idle > timeout_seconds:
                raise Problem(f"The API does not answer: {error}", "Repeat: ./taskw cluster apply") from error
            time.sleep(poll_seconds)
            continue
        failed = [(item, reason) for item, reason in pending if reason.startswith("failed")]
        for item, reason in pending:
            if any(word in reason for word in readiness.HOPELESS):
                hopeless_since.setdefault(key(item), elapsed)
                if elapsed - hopeless_since[key(item)] > HOPELESS_AFTER_SECONDS:
                    failed.append((item, reason))
            else:
                hopeless_since.pop(key(item), None)
        if failed or idle > timeout_seconds:
            raise _problem(cluster, failed or pending, None if failed else timeout_seconds)
        time.sleep(max(poll_seconds, REST_OF_POLLS * (time.monotonic() - polled_at)))


def _present(cluster: ClusterApi, items: list[Object]) -> dict[tuple[str, str | None, str], Object]:
    """The current state, with one list for each kind and namespace."""
    kinds = {(item["apiVersion"], item["kind"], item["metadata"].get("namespace")) for item in items}
    found = [item for version, kind, namespace in kinds for item in cluster.read(version, kind, namespace)]
    return {key(item): item for item in found}


def _with_pods(cluster: ClusterApi, item: Object, reason: str) -> str:
    """The reason, with what the pods of a workload, or the dispatcher of a Trigger, say."""
    detail = readiness.reason_of_pods(readiness.pods_of(cluster, item))
    return f"{reason}; {detail}" if detail and detail not in reason else reason


def _problem(cluster: ClusterApi, pending: list[tuple[Object, str]], timeout_seconds: float | None) -> Problem:
    lines = [f"  {title(item)}: {reason}" for item, reason in pending[:MAX_NAMED]]
    if more := len(pending) - MAX_NAMED:
        lines += [f"  … and {more} more"] if more > 0 else []
    first = pending[0][0]
    log = readiness.log_of(cluster, readiness.pods_of(cluster, first))
    text = "\n".join([*lines, *([f"  Log of {title(first)}:"] if log else []), *(f"    {line}" for line in log)])
    head = "Not ready:" if timeout_seconds is None else f"Not ready, and nothing became ready for {timeout_seconds:.0f} s:"
    return Problem(f"{head}\n{text}", "Mend the cause, then repeat: ./taskw cluster apply. What serves now: ./taskw cluster rollback")


def _prune(cluster: ClusterApi, left: list[Object], progress: Progress, options: Options) -> None:
    """Delete objects, some at a time, and wait as long as fewer of them exist. Raises: Problem."""
    with progress.step("Prune") as step:
        for kind in {(each["apiVersion"], each["kind"]) for each in left}:
            cluster.has(*kind)  # discovered once, by this thread
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda item: cluster.begin_deletion(item, "Background"), left))
        fewest, advanced_at = len(left), time.monotonic()
        while present := _present(cluster, left).keys() & {key(each) for each in left}:
            now = time.monotonic()
            if len(present) < fewest:
                fewest, advanced_at = len(present), now
            if now - advanced_at > PRUNE_SECONDS:
                names = ", ".join(title(each) for each in left if key(each) in present)
                text = f"Not deleted, and nothing was deleted for {PRUNE_SECONDS:.0f} s: {names}"
                raise Problem(text, "See their finalizers, and what removes these.")
            step.detail = f"{len(left) - len(present)} of {len(left)} deleted"
            time.sleep(max(options.poll_seconds, REST_OF_POLLS * (time.monotonic() - now)))
        step.detail = f"{len(left)} objects of former releases deleted"


def _remove_jobs(cluster: ClusterApi, current: list[Object], progress: Progress) -> None:
    """Delete Jobs of other versions, and failed ones. One that runs ends: this release replaces its own, and each migration is one transaction."""
    old = outdated(cluster.listed("batch/v1", "Job", NAMESPACE), current)
    if not old:
        return
    with progress.step("Old Jobs") as step:
        for job in old:
            cluster.delete(job, "Background")  # a pod that cannot start may take long to end
        step.detail = f"{len(old)} deleted, of earlier versions or failed"
