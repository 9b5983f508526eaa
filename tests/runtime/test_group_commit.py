"""Group commit: batches have the outcome of the same messages handled one after the other, whatever breaks; and they are made."""

import json
import subprocess
import sys
import uuid

import pytest

from tests.proof import proof
from tests.runtime.accidents import CELLS, MESSAGES, Line, audit, nothing_is_left, send
from tests.runtime.harness import ROOT, World
from tests.runtime.test_execution import token

FUNCTIONS = "probe.deposit,probe.rename,probe.enter,probe.on_deposited,probe.on_noted,probe.on_renamed,probe.on_renamed_recall"
SECONDS = 3000


def compare(world: World, *, seed: int, sets: int, messages: int, faults: int) -> tuple[int, int]:
    """Return the number of batched runs, and of those in which something broke. `faults`: of each set, 0 for every point."""
    ended = str(uuid.uuid4())
    arguments = {
        "owner": world.owner, "amqp": world.amqp, "ended": ended, "sealed": world.seal("open sesame"), "seed": seed, "sets": sets,
        "messages": messages, "faults": faults, "tokens": ",".join([token(world, exp=4_000_000_000), token(world, exp=4_000_000_000, sid=ended)]),
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.runtime.group_commit", *(f"--{name}={value}" for name, value in arguments.items())]
    environment = {**world.environment(), "CAPSULE_FUNCTION": FUNCTIONS}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.stdout, done.stderr[-3000:]
    result = json.loads(done.stdout)
    assert result["differences"] == [], json.dumps(result["differences"], indent=1)
    return result["runs"], result["faults"]


def test_batches_equal_serial_execution(fresh_world: World) -> None:
    runs, faults = compare(fresh_world, seed=1, sets=1, messages=30, faults=14)
    assert runs == 16 and faults >= 12


@proof("group-commit")
@pytest.mark.parametrize("seed", range(2, 5))
def test_batches_equal_serial_execution_with_a_fault_at_every_point(fresh_world: World, seed: int) -> None:
    compare(fresh_world, seed=seed, sets=1, messages=40, faults=0)


IN_EACH_RUN = frozenset({("probe.on_deposited", "after-commit")})
CRASHES = [
    pytest.param(function, point, marks=() if (function, point) in IN_EACH_RUN else proof("group-commit"))
    for function in ("probe.deposit", "probe.on_deposited")
    for point in CELLS[function]
]


@pytest.mark.parametrize(("function", "point"), CRASHES)
def test_a_process_killed_with_batches_under_way_loses_nothing_and_doubles_nothing(world: World, function: str, point: str) -> None:
    flag = world.folder / f"batch-{function}-{point}"
    line = Line(world, BATCH="16", ACCIDENT=f"{function}/{point}", ACCIDENT_AT="1", ACCIDENT_DEATHS="2", ACCIDENT_FLAG=str(flag))
    audit(world, send(world, MESSAGES, f"batch-{function}-{point}"))
    nothing_is_left(world, line)
    assert line.deaths == 2, "the accident did not happen"
