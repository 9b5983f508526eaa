"""Pods that consume their queue themselves: each event has its effect once when pods are killed, scaled up and down, and stopped."""

import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.knative.conformance.cluster import until
from tests.knative.pods.functions import Pods
from tests.proof import proof

CONCURRENCY = 4


@pytest.fixture
def name(pods: Pods, request: pytest.FixtureRequest) -> Iterator[str]:
    """A function with its own queue. The test's parameter is its max-scale, by default 1."""
    name = request.node.originalname.removeprefix("test_").replace("_", "-")[:20].strip("-")
    pods.create_function(name, concurrency=CONCURRENCY, max_scale=getattr(request, "param", 1))
    yield name
    pods.remove(name)


def test_a_pod_killed_with_messages_in_flight(pods: Pods, name: str) -> None:
    accounts = pods.publish(name, 60)
    until(lambda: len(pods.effects(accounts)) >= 6, failure="the function did not start")
    killed = set(pods.running(name).values())
    pods.kill(name)
    lost = [account for _, account in pods.started(accounts) if not pods.effects([account])]
    assert lost, "no message was in flight when the pod was killed"
    pods.wait_for_effects(accounts)
    starts = Counter(account for _, account in pods.started(accounts))
    assert set(starts) == set(accounts)
    assert {account for account, times in starts.items() if times > 1} <= set(lost), "only messages in flight are delivered again"
    assert {pid for pid, _ in pods.started(accounts)} - killed, "another pod handled them"


@proof("one-machine-knative")
@pytest.mark.parametrize("name", [3], indirect=True)
def test_pods_share_the_queue_and_scale_down(pods: Pods, name: str) -> None:
    first = set(pods.running(name).values())
    accounts = pods.publish(name, 240)
    until(lambda: len(pods.running(name)) > 1, 30, "no second pod was started")
    until(lambda: {pid for pid, _ in pods.started(accounts)} - first, 30, "the second pod consumes nothing")
    active = {pid for pid, _ in pods.started(accounts)}
    so_far = len(pods.started(accounts))
    until(lambda: len(pods.started(accounts)) >= so_far + 60 or len(pods.effects(accounts)) == len(accounts), 60)
    shares = Counter(pid for pid, _ in pods.started(accounts)[so_far : so_far + 60] if pid in active)  # a third pod may start meanwhile
    assert len(shares) > 1 and min(shares.values()) >= 0.5 * max(shares.values()), f"not shared fairly: {shares}"
    stop, later_accounts = threading.Event(), list[str]()

    def publish_slowly() -> None:
        while not stop.wait(0.25):
            later_accounts.extend(pods.publish(name, 1))

    pods.wait_for_effects(accounts)
    publisher = threading.Thread(target=publish_slowly)
    publisher.start()
    try:
        until(lambda: len(pods.running(name)) == 1, 60, "pods are not scaled down")
    finally:
        stop.set()
        publisher.join()
    pods.wait_for_effects(later_accounts)
    everything = [*accounts, *later_accounts]
    assert Counter(account for _, account in pods.started(everything)) == Counter(everything), "each message is handled once"


@proof("one-machine-knative")
def test_a_pod_stopped_with_messages_prefetched(pods: Pods, name: str) -> None:
    accounts = pods.publish(name, 150)
    until(lambda: len(pods.effects(accounts)) >= 6, failure="the function did not start")
    old = set(pods.running(name).values())
    pods.cluster.renew(name)
    pods.wait_for_effects(accounts)
    until(lambda: not old & set(pods.running(name).values()), 60, "the pod of the former revision does not stop")
    assert Counter(account for _, account in pods.started(accounts)) == Counter(accounts), (
        "each message is handled once: by the old pod if it had started it, else by the new one"
    )
    assert {pid for pid, _ in pods.started(accounts)} - old


@proof("one-machine-knative")
def test_several_queues_share_the_concurrency_of_a_pod(pods: Pods) -> None:
    queues = ("several-a", "several-b", "several-c")
    pods.create_function("several", concurrency=CONCURRENCY, max_scale=1, queues=queues)
    accounts = [account for queue in queues for account in pods.publish(queue, 20)]
    pods.wait_for_effects(accounts)
    assert Counter(account for _, account in pods.started(accounts)) == Counter(accounts)
    assert 1 < pods.max_concurrency(accounts) <= 2 * CONCURRENCY, (
        "less than the sum of the queues; twice the concurrency while pushing changes to consuming"
    )
    first = [account for _, account in pods.started(accounts)[:20]]
    assert all(set(first) & set(accounts[start : start + 20]) for start in (0, 20, 40)), "no queue waits for another one"
    pods.remove("several", queues)
