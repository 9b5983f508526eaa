"""Pods that take their messages from their queue themselves, when they are killed, become more, become fewer, and are told to end: each event has
its effect once, and what a pod has begun it ends unless it is killed."""

import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.knative.conformance.cluster import until
from tests.knative.pods.functions import Pods

CONCURRENCY = 4


@pytest.fixture
def name(pods: Pods, request: pytest.FixtureRequest) -> Iterator[str]:
    """A function with its own queue, of one pod or of as many as the test says."""
    name = request.node.originalname.removeprefix("test_").replace("_", "-")[:20].strip("-")
    pods.function(name, concurrency=CONCURRENCY, most=getattr(request, "param", 1))
    yield name
    pods.remove(name)


def test_killed_with_messages_in_flight(pods: Pods, name: str) -> None:
    accounts = pods.publish(name, 60)
    until(lambda: len(pods.effects(accounts)) >= 6, what="it has not begun")
    killed = set(pods.running(name).values())
    pods.kill(name)
    lost = [account for _, account in pods.begun(accounts) if not pods.effects([account])]
    assert lost, "it was killed with messages in flight"
    pods.done(accounts)
    again = Counter(account for _, account in pods.begun(accounts))
    assert set(again) == set(accounts)
    assert {account for account, times in again.items() if times > 1} <= set(lost), "only what was in flight was begun again"
    assert {pid for pid, _ in pods.begun(accounts)} - killed, "by others"


@pytest.mark.parametrize("name", [3], indirect=True)
def test_more_of_them_share_the_queue_and_become_fewer_again(pods: Pods, name: str) -> None:
    first = set(pods.running(name).values())
    accounts = pods.publish(name, 240)
    until(lambda: len(pods.running(name)) > 1, 30, "no second pod has come")
    until(lambda: {pid for pid, _ in pods.begun(accounts)} - first, 30, "the second pod takes nothing")
    there = {pid for pid, _ in pods.begun(accounts)}
    so_far = len(pods.begun(accounts))
    until(lambda: len(pods.begun(accounts)) >= so_far + 60 or len(pods.effects(accounts)) == len(accounts), 60)
    shares = Counter(pid for pid, _ in pods.begun(accounts)[so_far : so_far + 60] if pid in there)  # a third may come meanwhile
    assert len(shares) > 1 and min(shares.values()) >= 0.5 * max(shares.values()), f"not shared fairly: {shares}"
    over, trickle = threading.Event(), list[str]()

    def trickling() -> None:
        while not over.wait(0.25):
            trickle.extend(pods.publish(name, 1))

    pods.done(accounts)
    publisher = threading.Thread(target=trickling)
    publisher.start()
    try:
        until(lambda: len(pods.running(name)) == 1, 60, "they do not become fewer")
    finally:
        over.set()
        publisher.join()
    pods.done(trickle)
    assert Counter(account for _, account in pods.begun([*accounts, *trickle])) == Counter([*accounts, *trickle]), "each was begun once"


def test_told_to_end_with_messages_prefetched(pods: Pods, name: str) -> None:
    accounts = pods.publish(name, 150)
    until(lambda: len(pods.effects(accounts)) >= 6, what="it has not begun")
    old = set(pods.running(name).values())
    pods.cluster.renew(name)
    pods.done(accounts)
    until(lambda: not old & set(pods.running(name).values()), 60, "the former revision's pod does not end")
    assert Counter(account for _, account in pods.begun(accounts)) == Counter(accounts), "what it had taken it ended; the rest was begun by others"
    assert {pid for pid, _ in pods.begun(accounts)} - old


def test_several_queues_share_what_a_pod_takes_at_a_time(pods: Pods) -> None:
    queues = ("several-a", "several-b", "several-c")
    pods.function("several", concurrency=CONCURRENCY, most=1, queues=queues)
    accounts = [account for queue in queues for account in pods.publish(queue, 20)]
    pods.done(accounts)
    assert Counter(account for _, account in pods.begun(accounts)) == Counter(accounts)
    assert 1 < pods.most_at_once(accounts) <= 2 * CONCURRENCY, "less than each queue's own: twice, while pushing and consuming change over"
    first = [account for _, account in pods.begun(accounts)[:20]]
    assert all(set(first) & set(accounts[start : start + 20]) for start in (0, 20, 40)), "no queue waits for another"
    pods.remove("several", queues)
