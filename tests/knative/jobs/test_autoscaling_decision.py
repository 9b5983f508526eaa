"""The algorithm of HorizontalPodAutoscalers, with the values of Kubernetes' own documentation and tests where it has some."""

import pytest

from knative.local.autoscaling.behavior import Behavior, History
from knative.local.autoscaling.decision import MetricUnavailable, PodValue, Proposal, by_pods, by_total, by_value, largest

INSTANT = Behavior.of({"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}})


def pods(*values: float | None, unready: int = 0) -> list[PodValue]:
    return [PodValue(each) for each in values] + [PodValue(None, is_ready=False)] * unready


@pytest.mark.parametrize(
    ("current", "target", "values", "count"),
    [
        (1, 100, pods(200), 2),  # "if the current metric value is 200m, and the desired value is 100m, the number will be doubled"
        (2, 100, pods(50, 50), 1),  # "if the current value is instead 50m, you'll halve the number"
        (2, 100, pods(105, 109), 2),  # within the tolerance of 0.1
        (2, 100, pods(110, 110), 2),
        (2, 100, pods(111, 111), 3),
        (4, 100, pods(200, None, None, None), 4),  # missing pods count as 0: 50 would fall, so nothing changes
        (2, 100, pods(400, None), 4),
        (4, 100, pods(10, 10, 10, None), 2),  # as the target when it falls: (10 + 10 + 10 + 100) / 4 = 32.5
        (2, 100, pods(300, unready=1), 3),  # one that starts counts as 0
        (3, 100, pods(10, unready=2), 1),  # and not at all when the number falls
    ],
)
def test_the_mean_of_the_pods_decides(current: int, target: float, values: list[PodValue], count: int) -> None:
    assert by_pods(current, target, values).replicas == count


def test_without_a_measured_pod_nothing_is_decided() -> None:
    with pytest.raises(MetricUnavailable):
        by_pods(1, 100, pods(None))
    with pytest.raises(MetricUnavailable):
        by_pods(1, 100, pods(unready=1))


@pytest.mark.parametrize(("current", "total", "count"), [(1, 95, 1), (1, 101, 1), (1, 120, 2), (2, 401, 5), (5, 0, 0), (4, 410, 4)])
def test_a_queue_is_divided_among_the_pods(current: int, total: float, count: int) -> None:
    assert by_total(current, 100, total).replicas == count


def test_a_value_is_brought_to_its_target_by_all_pods() -> None:
    assert by_value(2, 2, 100, 300) == Proposal(6, 300)


def test_the_largest_counts_and_what_is_unknown_ends_no_pod() -> None:
    unknown = MetricUnavailable("no server")
    assert largest(2, [Proposal(1, 0), Proposal(4, 0)]) == 4
    assert largest(2, [Proposal(4, 0), unknown]) == 4
    for proposals in ([unknown], [Proposal(1, 0), unknown]):
        with pytest.raises(MetricUnavailable):
            largest(2, proposals)


def test_it_grows_by_four_or_twofold_in_fifteen_seconds() -> None:
    history = History()
    assert history.next_count(1, 20, INSTANT, 1, 20, now=0) == 5
    assert history.next_count(5, 20, INSTANT, 1, 20, now=5) == 5, "of the same fifteen seconds"
    assert history.next_count(5, 20, INSTANT, 1, 20, now=16) == 10
    assert history.next_count(10, 20, INSTANT, 1, 15, now=32) == 15, "the maximum"


def test_it_falls_to_the_largest_number_of_the_window() -> None:
    behavior, history = Behavior.of({"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}), History()
    assert history.next_count(5, 2, behavior, 1, 9, now=0) == 5, "it has run 5 until now"
    assert history.next_count(5, 3, behavior, 1, 9, now=30) == 5
    assert history.next_count(5, 1, behavior, 1, 9, now=61) == 3
    assert history.next_count(3, 1, behavior, 1, 9, now=120) == 1
    assert history.next_count(1, 0, behavior, 1, 9, now=300) == 1, "the minimum"


def test_policies_and_their_selection_limit_the_pace() -> None:
    def of(**rules: object) -> Behavior:
        return Behavior.of({"behavior": {"scaleUp": rules, "scaleDown": {"stabilizationWindowSeconds": 0, **rules}}})

    one, half = {"type": "Pods", "value": 1, "periodSeconds": 60}, {"type": "Percent", "value": 50, "periodSeconds": 60}
    assert History().next_count(8, 20, of(policies=[one, half]), 1, 20, now=0) == 12
    assert History().next_count(8, 20, of(policies=[one, half], selectPolicy="Min"), 1, 20, now=0) == 9
    assert History().next_count(8, 1, of(policies=[one, half]), 1, 20, now=0) == 4
    assert History().next_count(8, 1, of(policies=[one, half], selectPolicy="Min"), 1, 20, now=0) == 7
    assert History().next_count(8, 20, of(selectPolicy="Disabled"), 1, 20, now=0) == 8
