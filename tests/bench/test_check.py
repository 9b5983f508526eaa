"""`bench --check` names what fell, and nothing else."""

from tests.bench.check import find_fallen
from tests.bench.report import Row

RATE = "requests"
COMMITTED = {RATE: {"unit": "per second", "rounds": {"NestJS": [{"rate": 100.0}], "Capsule": [{"rate": 50.0}], "FastStream": [{"rate": 10.0}]}}}


def run(more_is_better: bool = True, **rates: float) -> Row:
    row = Row(RATE, "per second", "rate", more_is_better)
    for system, rate in rates.items():
        row.add(system, {"rate": rate})
    return row


def test_a_row_is_named_that_fell_by_more_than_fifteen_percent() -> None:
    [sentence] = find_fallen([run(NestJS=200, Capsule=84, FastStream=20)], COMMITTED, "NestJS")
    assert sentence == "requests: Capsule has 0.42 × NestJS, 0.50 × in the committed run"


def test_ratios_count_and_not_absolute_values() -> None:
    assert find_fallen([run(NestJS=10, Capsule=4.4)], COMMITTED, "NestJS") == []


def test_less_is_better_where_the_row_says_so() -> None:
    assert find_fallen([run(more_is_better=False, NestJS=100, Capsule=40)], COMMITTED, "NestJS") == []
    assert len(find_fallen([run(more_is_better=False, NestJS=100, Capsule=60)], COMMITTED, "NestJS")) == 1


def test_what_only_one_run_has_is_not_compared() -> None:
    assert find_fallen([run(NestJS=100, Another=1)], COMMITTED, "NestJS") == []
    assert find_fallen([run(Capsule=1)], COMMITTED, "NestJS") == []
    assert find_fallen([run(NestJS=100, Capsule=1)], {}, "NestJS") == []
