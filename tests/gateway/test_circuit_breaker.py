"""The state machine of a circuit, with a number as its clock."""

from dataclasses import dataclass, field

import pytest

from functions.edge.gateway.circuit_breaker import CircuitBreaker, Open, Policy, State

POLICY = Policy(window_seconds=10, min_volume=4, failure_ratio=0.5, open_seconds=5, max_open_seconds=15, successes=2)


@dataclass
class Circuit:
    time: float = 1000.0
    changes: list[State] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.breaker = CircuitBreaker(POLICY, lambda: self.time, self.changes.append)

    def run(self, results: str) -> None:
        """Run requests one after the other: `+` succeeds, `-` fails, `.` says nothing."""
        for result in results:
            permit = self.breaker.admit()
            end = {"+": self.breaker.record_success, "-": self.breaker.record_failure, ".": self.breaker.release}[result]
            end(permit)

    def is_refused(self) -> bool:
        try:
            self.breaker.release(self.breaker.admit())
        except Open:
            return True
        return False


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ("---", State.CLOSED),  # too few
        ("----", State.OPEN),
        ("++--", State.OPEN),
        ("+++--", State.CLOSED),  # two of five
        ("+++++-----", State.OPEN),
        ("....---", State.CLOSED),  # requests without a result are no volume
    ],
)
def test_it_opens_at_the_ratio_of_enough_requests(results: str, state: State) -> None:
    circuit = Circuit()
    circuit.run(results)
    assert circuit.breaker.state is state


def test_failures_leave_the_window() -> None:
    circuit = Circuit()
    circuit.run("---")
    circuit.time += 11
    circuit.run("---")
    assert circuit.breaker.state is State.CLOSED
    circuit.run("-")
    assert circuit.breaker.state is State.OPEN


def test_an_open_circuit_says_when_to_come_back_and_then_lets_one_probe_through() -> None:
    circuit = Circuit()
    circuit.run("----")
    circuit.time += 1.5
    with pytest.raises(Open) as refusal:
        circuit.breaker.admit()
    assert refusal.value.retry_after_seconds == 4
    circuit.time += 3.5
    assert circuit.breaker.state is State.HALF_OPEN
    probe = circuit.breaker.admit()
    assert circuit.is_refused(), "one probe at a time"
    circuit.breaker.record_success(probe)
    assert circuit.breaker.state is State.HALF_OPEN
    circuit.run("+")
    assert circuit.changes == [State.OPEN, State.HALF_OPEN, State.CLOSED]
    circuit.run("---")
    assert circuit.breaker.state is State.CLOSED, "the failures of before are forgotten"


def test_each_failed_probe_doubles_the_time_up_to_a_limit() -> None:
    circuit = Circuit()
    circuit.run("----")
    for seconds in (5, 10, 15, 15):
        circuit.time += seconds - 0.1
        assert circuit.is_refused()
        circuit.time += 0.2
        circuit.run("-")
    circuit.time += 15
    circuit.run("++----")
    circuit.time += 5
    assert circuit.breaker.state is State.HALF_OPEN, "after a recovery it begins with the shortest time again"


def test_a_probe_without_a_result_gives_its_place_back() -> None:
    circuit = Circuit()
    circuit.run("----")
    circuit.time += 5
    circuit.run(".++")
    assert circuit.breaker.state is State.CLOSED


def test_results_of_requests_from_an_earlier_state_are_ignored() -> None:
    circuit = Circuit()
    early = [circuit.breaker.admit() for _ in range(3)]
    circuit.run("----")
    circuit.time += 5
    probe = circuit.breaker.admit()
    for permit in early:
        circuit.breaker.record_failure(permit)
    assert circuit.breaker.state is State.HALF_OPEN
    circuit.breaker.record_success(probe)
    circuit.run("+")
    assert circuit.breaker.state is State.CLOSED
    for permit in early:
        circuit.breaker.record_failure(permit)
    assert circuit.breaker.state is State.CLOSED
